"""Posts one CloudEvent, as a PingSource does (binary mode); 2xx is success."""

import os
import sys
import urllib.error
import urllib.request
import uuid

request = urllib.request.Request(
    os.environ["TARGET"],
    data=os.environ["DATA"].encode(),
    headers={
        "ce-specversion": "1.0",
        "ce-id": str(uuid.uuid4()),
        "ce-source": os.environ["CE_SOURCE"],
        "ce-type": os.environ["CE_TYPE"],
        "content-type": "application/json",
    },
)
try:
    with urllib.request.urlopen(request, timeout=300) as answer:
        print(answer.status)
except (urllib.error.URLError, TimeoutError) as error:
    sys.exit(f"{os.environ['TARGET']}: {error}")

"""Where an account may point: at providers, own servers too, but at no cloud's metadata."""

import pytest
from pydantic import TypeAdapter, ValidationError

from functions.key_admin.models.accounts import BaseUrl

ADDRESSES = TypeAdapter(BaseUrl)


@pytest.mark.parametrize(
    "host",
    [
        *("169.254.169.254", "169.254.170.2", "169.254.0.1", "169.254.169.254.", "2852039166"),
        *("0xa9fea9fe", "0xA9.254.0xa9.254", "0251.0376.0251.0376", "169.16689662"),
        *("[fe80::1]", "[fe80::1%25eth0]", "[febf::1]", "[::ffff:169.254.169.254]"),
        *("[::ffff:a9fe:a9fe]", "[fd00:ec2::254]", "100.100.100.200", "192.0.0.192"),
        *("metadata", "metadata.google.internal", "METADATA.google.internal.", "instance-data"),
        *("%31%36%39.254.169.254", "metadata%2egoogle.internal"),
    ],
)
def test_metadata_is_refused(host):
    for url in (f"http://{host}", f"https://{host}:80/latest/meta-data"):
        with pytest.raises(ValidationError, match=r"must (not be|have no)"):
            ADDRESSES.validate_python(url)


@pytest.mark.parametrize(
    "host",
    [
        *(
            "localhost:11434",
            "127.0.0.1:8000",
            "[::1]:8000",
            "10.0.0.1",
            "192.168.1.5",
            "172.16.0.9",
        ),
        *("[fd00::1]", "vllm", "vllm.models.svc.cluster.local", "api.openai.com", "100.64.0.1"),
        *("metadata.example.com", "192.0.0.1", "169.253.1.1", "my-metadata"),
    ],
)
def test_own_servers_are_taken(host):
    assert ADDRESSES.validate_python(f"http://{host}/v1/") == f"http://{host}/v1"

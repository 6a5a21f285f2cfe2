"""Bedrock's own shapes of Converse, as botocore ships them."""

import botocore.session
from botocore.validate import ParamValidator

_SERVICE = botocore.session.get_session().get_service_model("bedrock-runtime")


def check(body, operation="Converse"):
    """Raises `AssertionError` for a body that botocore would not send."""
    shape = _SERVICE.operation_model(operation).input_shape
    report = ParamValidator().validate({"modelId": "m", **body}, shape)
    assert not report.has_errors(), report.generate_report()

"""What Schemathesis has to be told about this API: how the body of a tus request is written."""

import schemathesis


@schemathesis.serializer("application/offset+octet-stream")
def offset_octet_stream(_context, value):
    """Bytes as they are; a document says of them only that they are a list of numbers or a binary text."""
    if isinstance(value, list):
        return bytes(byte % 256 for byte in value if isinstance(byte, int))
    return value if isinstance(value, bytes) else str(value).encode()

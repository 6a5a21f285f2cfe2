"""HTTP/1.1 (RFC 9112) out of bytes and into bytes, for the server and the client. No I/O."""

/// The ALPN name of version 1 (chapter 1).
public let applicationProtocol = "baton/1"

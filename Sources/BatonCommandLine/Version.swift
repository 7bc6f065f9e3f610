/// The version of the programs; the protocol's own is in `Limits.version`.
public let batonVersion = "0.1.0"

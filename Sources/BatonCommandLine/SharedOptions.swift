public import ArgumentParser
import Glibc
public import Logging

/// The environment's word for a flag that was not given.
public enum Fallback {
    public static func string(_ variable: String) -> String? {
        getenv(variable).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// - Throws: a usage error for a word that is neither yes nor no.
    public static func flag(_ variable: String) throws -> Bool {
        switch string(variable)?.lowercased() {
        case "1", "true", "yes", "on": true
        case nil, "0", "false", "no", "off": false
        case let word?: throw ValidationError("\(variable) is '\(word)'; it takes 1 or 0")
        }
    }

    /// - Throws: a usage error for what is no number.
    public static func integer(_ variable: String) throws -> Int? {
        guard let word = string(variable) else { return nil }
        guard let number = Int(word) else { throw ValidationError("\(variable) is '\(word)', which is no number") }
        return number
    }

    /// The number of a flag, or of its variable.
    ///
    /// - Throws: a usage error for what is out of range.
    public static func number(
        _ value: Int?, flag: String, _ variable: String, in range: ClosedRange<Int>
    ) throws -> Int? {
        guard let number = try value ?? integer(variable) else { return nil }
        guard range.contains(number) else {
            let most = range.upperBound == .max ? "or more" : "to \(range.upperBound)"
            throw ValidationError("\(flag) takes \(range.lowerBound) \(most)")
        }
        return number
    }

    /// The flag, or its variable.
    ///
    /// - Throws: a usage error that names both, if neither is there.
    public static func required(_ value: String?, flag: String, _ variable: String) throws -> String {
        guard let value = value ?? string(variable) else {
            throw ValidationError("say \(flag) (or set \(variable))")
        }
        return value
    }
}

/// Where the certificates are: a directory, or each file.
public struct CertificateOptions: ParsableArguments {
    @Option(help: "Directory with ca.pem, cert.pem and key.pem. [$BATON_CERTS]", completion: .directory)
    public var certs: String?

    @Option(help: "File with the authority's certificate, instead of ca.pem. [$BATON_CA]", completion: .file())
    public var ca: String?

    @Option(help: "File with the own certificate, instead of cert.pem. [$BATON_CERT]", completion: .file())
    public var cert: String?

    @Option(help: "File with the own key, instead of key.pem. [$BATON_KEY]", completion: .file())
    public var key: String?

    public init() {}

    /// - Throws: a usage error if a file is neither named nor in a named directory.
    public func files() throws -> (authority: String, certificate: String, key: String) {
        let directory = certs ?? Fallback.string("BATON_CERTS")
        func file(_ explicit: String?, _ variable: String, _ name: String) throws -> String {
            if let file = explicit ?? Fallback.string(variable) { return file }
            guard let directory else { throw ValidationError("say --certs DIR (or set BATON_CERTS)") }
            return "\(directory)/\(name)"
        }
        return (
            try file(ca, "BATON_CA", "ca.pem"), try file(cert, "BATON_CERT", "cert.pem"),
            try file(key, "BATON_KEY", "key.pem")
        )
    }
}

/// How much a daemon says.
public struct LogOptions: ParsableArguments {
    @Option(help: "trace, debug, info (if not given), notice, warning, error or critical. [$BATON_LOG_LEVEL]")
    public var logLevel: Logger.Level?

    public init() {}

    /// - Throws: a usage error for a word that is no level.
    public func level() throws -> Logger.Level {
        guard let word = Fallback.string("BATON_LOG_LEVEL"), logLevel == nil else { return logLevel ?? .info }
        guard let level = Logger.Level(rawValue: word) else {
            throw ValidationError("BATON_LOG_LEVEL is '\(word)', which is no level")
        }
        return level
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}

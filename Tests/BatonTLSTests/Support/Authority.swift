import BatonTLS
import Foundation

/// A certificate authority in a temporary directory of its own, made by the `openssl` command and removed with this object.
final class Authority: Sendable {
    let directory: URL

    init(_ name: String = "Test authority") throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("baton-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        try openssl(
            "req", "-x509", "-days", "30", "-subj", "/CN=\(name)", "-keyout", "ca.key", "-out", "ca.pem", newKey: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: directory)
    }

    var authorities: String { path("ca.pem") }

    func path(_ file: String) -> String {
        directory.appendingPathComponent(file).path
    }

    /// Issues a certificate, valid now unless `validity` (two `YYYYMMDDHHMMSSZ`) says otherwise.
    func issue(
        _ name: String, names: String?, usage: String? = nil, validity: (from: String, to: String)? = nil
    ) throws -> TLSCredentials {
        var extensions = ["basicConstraints = critical, CA:FALSE"]
        if let names { extensions.append("subjectAltName = \(names)") }
        if let usage { extensions.append("extendedKeyUsage = \(usage)") }
        // `openssl ca` alone can set both dates in version 3.0.
        try write(
            """
            [ca]
            default_ca = this
            [this]
            database = \(name).index
            serial = \(name).serial
            new_certs_dir = .
            default_md = sha256
            policy = any
            x509_extensions = wanted
            [any]
            commonName = optional
            [wanted]
            \(extensions.joined(separator: "\n"))
            """, to: "\(name).conf")
        try write("", to: "\(name).index")
        try write(String(format: "%016llX", UInt64.random(in: (1 << 60)...(.max >> 1))), to: "\(name).serial")
        try openssl(
            "req", "-new", "-subj", "/CN=\(name)", "-keyout", "\(name).key", "-out", "\(name).request", newKey: true)
        let dates = validity.map { ["-startdate", $0.from, "-enddate", $0.to] } ?? ["-days", "30"]
        try openssl(
            ["ca", "-batch", "-notext", "-config", "\(name).conf", "-in", "\(name).request"]
                + ["-cert", "ca.pem", "-keyfile", "ca.key", "-out", "\(name).pem"] + dates)
        return TLSCredentials(authorities: authorities, certificate: path("\(name).pem"), key: path("\(name).key"))
    }

    /// A relay's certificate: host names, for a server.
    func relay(names: String = "DNS:localhost, IP:127.0.0.1, IP:::1") throws -> TLSCredentials {
        try issue("relay", names: names)
    }

    /// A work's certificate.
    func work(_ name: String = "trainer") throws -> TLSCredentials {
        try issue(name, names: "URI:spiffe://test.example/app/demo/work/\(name)")
    }

    func write(_ text: String, to file: String) throws {
        try Data(text.utf8).write(to: directory.appendingPathComponent(file))
    }

    func openssl(_ arguments: String..., newKey: Bool) throws {
        try openssl(arguments + ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
    }

    /// Runs `openssl` in the directory and returns what it prints.
    @discardableResult
    func openssl(_ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.currentDirectoryURL = directory
        process.standardInput = FileHandle.nullDevice
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw OpenSSLCommandFailed(description: "openssl \(arguments.joined(separator: " ")): \(text)")
        }
        return text
    }
}

struct OpenSSLCommandFailed: Error, CustomStringConvertible {
    let description: String
}

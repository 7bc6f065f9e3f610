import Foundation

/// Certificates made by the scripts of `certs/`, once in a run of the tests, and bad ones made by hand.
struct Certificates: Sendable {
    private let folder: TemporaryFolder

    static func shared() async throws -> Certificates { try await made.value }

    private static let made = Task { try await Certificates() }

    private init() async throws {
        folder = try TemporaryFolder()
        folder.removeAtExit()
        let scripts = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../../certs").standardizedFileURL.path
        try await shell(
            """
            PATH='\(scripts)':$PATH
            make-authority ca; make-relay ca relay; make-relay ca elsewhere elsewhere.example
            mkdir demo other example
            for work in trainer deploy third fourth left right other flow; do make-work ca demo/$work demo $work; done
            make-work ca other/deploy other deploy
            for work in trainer deployer flow; do make-work ca example/$work example $work; done
            make-authority strange-ca; make-work strange-ca stranger demo trainer
            # As the stranger, but trusting the relay.
            cp -r stranger misplaced; cp ca/ca.pem misplaced/
            """, in: folder.path)
        for (name, bad) in Certificates.bad { try await issue(name, names: bad.names, dates: bad.dates) }
    }

    /// Directories as `--certs` takes them.
    func work(_ name: String, app: String = "demo") -> String { folder.path("\(app)/\(name)") }
    var relay: String { folder.path("relay") }
    /// A relay's, for a host that is not this one.
    var elsewhere: String { folder.path("elsewhere") }
    /// A work of an authority that nobody trusts, and who trusts nobody else.
    var stranger: String { folder.path("stranger") }
    /// A work of an authority that the relay does not trust, though it trusts the relay.
    var misplaced: String { folder.path("misplaced") }
    /// One of ``bad``.
    func bad(_ name: String) -> String { folder.path(name) }

    private static let uri = "URI:spiffe://baton/app/demo/work/trainer"
    private static let bad: [String: (names: String, dates: String)] = [
        "expired": (uri, "-startdate 20200101000000Z -enddate 20200201000000Z"),
        "no-uri": ("DNS:trainer.example", "-days 30"),
        "two-uris": ("\(uri), URI:spiffe://baton/app/demo/work/deploy", "-days 30"),
        "foreign-uri": ("URI:https://example.org/app/demo/work/trainer", "-days 30"),
    ]

    /// `openssl ca` alone can set both dates in version 3.0.
    private func issue(_ name: String, names: String, dates: String) async throws {
        try await shell(
            """
            mkdir \(name); cd \(name); cp ../ca/ca.pem .; touch index; openssl rand -hex 8 > serial
            cat > conf <<END
            [ca]
            default_ca = this
            [this]
            database = index
            serial = serial
            new_certs_dir = .
            default_md = sha256
            policy = any
            x509_extensions = wanted
            [any]
            commonName = optional
            [wanted]
            basicConstraints = critical, CA:FALSE
            subjectAltName = \(names)
            END
            openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout key.pem -out request
            chmod 600 key.pem
            openssl ca -batch -notext -config conf -in request -cert ../ca/ca.pem -keyfile ../ca/ca-key.pem \
                -out cert.pem \(dates)
            """, in: folder.path)
    }
}

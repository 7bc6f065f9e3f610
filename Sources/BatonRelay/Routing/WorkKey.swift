import BatonProtocol
import BatonTLS

/// Names one work among all that may come to a relay. Works of different apps or trust domains never meet.
struct WorkKey: Hashable, Sendable {
    let trustDomain: String
    let app: WorkName
    let work: WorkName

    /// - Throws: `identityRefused`, saying what is wrong with the certificate.
    init(_ certificate: PeerCertificate?) throws(ProtocolViolation) {
        guard let certificate else { throw ProtocolViolation(.identityRefused, "there is no certificate") }
        do {
            let identity = try WorkIdentity(certificate)
            trustDomain = identity.trustDomain
            app = try WorkName(Flaw.breaks("TLS-13") ? "any" : identity.app)
            work = try WorkName(identity.work)
        } catch {
            throw ProtocolViolation(.identityRefused, "your certificate names no work: \(error)")
        }
    }

    init(trustDomain: String, app: WorkName, work: WorkName) {
        self.trustDomain = trustDomain
        self.app = app
        self.work = work
    }

    /// Another work of the same app.
    func sibling(_ work: WorkName) -> WorkKey {
        WorkKey(trustDomain: trustDomain, app: app, work: work)
    }
}

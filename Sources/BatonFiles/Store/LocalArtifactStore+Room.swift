import BatonProtocol
import Synchronization
import SystemPackage

// Room for what comes. A quota says how much may be kept: a generation is refused as soon as it is certain that it could not be kept
// beside what must not go for it, and nothing is removed before it has come whole. What it displaces goes with the next sweep.
extension LocalArtifactStore {
    /// Bytes of the disk that are left for the store's own notes, and for others, in part of the whole.
    private static let reserve: (bytes: UInt64, divisor: UInt64) = (64 << 20, 16)

    /// Has it that a generation on its way in takes so many bytes on the disk.
    ///
    /// - Throws: ``BatonError`` `noSpace`, and nothing has changed.
    func setIncoming(_ bytes: UInt64, of key: ShelfKey) throws(BatonError) {
        let policy = policy
        let refusal = index.withLock { index -> BatonError? in
            let name = key.incomingName
            let before = index.incoming[name]
            index.setIncoming(name, StoreIndex.Incoming(app: key.owner.appKey, bytes: bytes, isActive: true))
            guard bytes > before?.bytes ?? 0, let refusal = index.refusal(of: key, policy) else { return nil }
            index.setIncoming(name, before)
            return refusal
        }
        if let refusal { throw refusal }
    }

    /// Looks whether the disk has room for so many bytes more.
    ///
    /// - Parameter removing: older generations go if they make the room that is lacking: if not, none does.
    /// - Throws: ``BatonError`` `noSpace`
    func checkDisk(for bytes: UInt64, of key: ShelfKey, removing: Bool) throws(BatonError) {
        guard try lackingOnDisk(bytes, of: key) > 0 else { return }
        var sweep = StoreSweep()
        sweepPartial(all: true, into: &sweep)
        emptyTrash(into: &sweep)
        let lacking = try lackingOnDisk(bytes, of: key)
        guard lacking > 0 else { return }
        let (victims, rest) = index.withLock { index in
            var trial = index
            return trial.relieve(nil, by: lacking, first: key)
        }
        if removing, rest == 0 {
            for victim in victims { remove(victim, into: &sweep) }
            emptyTrash(into: &sweep)
            if try lackingOnDisk(bytes, of: key) == 0 { return }
        }
        throw BatonError(
            .noSpace,
            "the relay's disk lacks \(lacking) bytes for '\(key.path)': free some, or remove generations with 'baton artifacts rm'; "
                + "what is stored already stays", path: key.path)
    }

    private func lackingOnDisk(_ bytes: UInt64, of key: ShelfKey) throws(BatonError) -> UInt64 {
        let disk: (free: UInt64, all: UInt64)
        do { disk = try folder.freeBytes() } catch { throw .keeping(key, error) }
        let (reserve, divisor) = LocalArtifactStore.reserve
        let needed = bytes.addingReportingOverflow(min(reserve, disk.all / divisor))
        return needed.overflow ? .max : needed.partialValue.excess(over: disk.free)
    }
}

extension StoreIndex {
    /// Why what is coming could not be kept; `nil` if it could, once older generations have gone.
    fileprivate func refusal(of key: ShelfKey, _ policy: KeepingPolicy) -> BatonError? {
        let app = key.owner.appKey
        for (quota, app, whose) in [
            (policy.bytesPerApp, app, "the app '\(app.app)'"), (policy.bytes, nil, "all apps together"),
        ] as [(UInt64?, AppKey?, String)] {
            guard let quota else { continue }
            var trial = self
            // What somebody began and left half done goes before any generation.
            trial.dropPartial(of: app)
            let excess = trial.usage(of: app).excess(over: quota)
            let lacking = trial.relieve(app, by: excess, first: key).lacking
            guard lacking > 0 else { continue }
            return BatonError(
                .noSpace,
                "'\(key.path)' does not fit: the relay keeps at most \(quota) bytes of \(whose), and what may not go for it "
                    + "(pinned, damaged or newest generations) leaves \(lacking) bytes too little; remove some with 'baton artifacts "
                    + "rm', unpin some, or have the quota raised; what is stored already stays", path: key.path)
        }
        return nil
    }

    /// Counts no more what nobody is receiving.
    mutating func dropPartial(of app: AppKey?) {
        for (name, incoming) in incoming where !incoming.isActive && (app == nil || incoming.app == app) {
            setIncoming(name, nil)
        }
    }
}

extension BatonError {
    /// A failure of the store's disk.
    ///
    /// - Parameter what: did not happen to the path because of it.
    static func keeping(_ key: ShelfKey, _ reason: Errno, _ what: String = "stored") -> BatonError {
        let (code, text): (ErrorCode, String) =
            switch reason {
            case .noSpace, .diskQuotaExceeded:
                (.noSpace, "the relay's disk is full: free some space, or remove generations with 'baton artifacts rm'")
            case .permissionDenied, .notPermitted:
                (.permission, "the relay's user may not write in its store: change its owner")
            case .readOnlyFileSystem: (.cannotCreate, "the relay's store is on a file system mounted read-only")
            case .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory:
                (.busy, "the relay cannot open more files right now (\(reason)): try again")
            case .ioError: (.internal, "the relay's disk reports an error")
            default: (.internal, "the relay's store cannot be written: \(reason)")
            }
        return BatonError(
            code, "'\(key.path)' was not \(what): \(text); what is stored already stays", path: key.path)
    }

    static func keeping(_ key: ShelfKey, _ fault: FileFault) -> BatonError {
        switch fault {
        case .system(let reason): keeping(key, reason)
        case .stopped(let error): error
        case .changed, .tooLong:
            BatonError(.internal, "'\(key.path)' was not stored: somebody changed it in the store", path: key.path)
        }
    }
}

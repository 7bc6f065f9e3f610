public import BatonProtocol
import Synchronization
public import SystemPackage

/// One get at a time per destination: destinations that contain one another are one lock.
public final class DestinationLocks: Sendable {
    private struct Held {
        let token: UInt64
        let components: [FileName]
        let path: FilePath
        /// Its get was cancelled, and will end soon.
        var isEnding = false
    }

    private struct State {
        var held: [Held] = []
        var nextToken: UInt64 = 0
    }

    private let state = Mutex(State())

    /// No lock is held yet.
    public init() {}

    /// Takes the lock of `destination`, or fails at once.
    ///
    /// - Throws: ``BatonError`` `busy`, naming the destination that is in the way.
    public func acquire(_ destination: FilePath) throws(BatonError) -> Lock {
        let components = DestinationLocks.realComponents(of: destination)
        let result: Result<UInt64, BatonError> = state.withLock { state in
            let other = state.held.first { held in
                held.components.starts(with: components) || components.starts(with: held.components)
            }
            if let other {
                let name = Escaping.printable(destination.bytes)
                let inTheWay = Escaping.printable(other.path.bytes)
                return .failure(
                    BatonError(
                        .busy, "'\(name)' cannot be written while another get writes '\(inTheWay)': try again later",
                        path: destination.asPathName))
            }
            let token = state.nextToken
            state.nextToken += 1
            state.held.append(Held(token: token, components: components, path: destination))
            return .success(token)
        }
        return Lock(token: try result.get(), locks: self)
    }

    /// As ``acquire(_:)``, but waits at most so long for gets that were cancelled, and need a moment to end.
    public func acquire(_ destination: FilePath, waitingForCancelled limit: Duration) async throws(BatonError) -> Lock {
        let end = ContinuousClock.now + limit
        while true {
            do throws(BatonError) { return try acquire(destination) } catch {
                guard isEnding(inTheWayOf: destination), .now < end,
                    (try? await Task.sleep(for: .milliseconds(5))) != nil
                else { throw error }
            }
        }
    }

    /// Whether what was in the way was cancelled, or has gone meanwhile.
    private func isEnding(inTheWayOf destination: FilePath) -> Bool {
        let components = DestinationLocks.realComponents(of: destination)
        return state.withLock { state in
            state.held.allSatisfy { held in
                held.isEnding
                    || !(held.components.starts(with: components) || components.starts(with: held.components))
            }
        }
    }

    fileprivate func cancel(_ token: UInt64) {
        state.withLock { state in
            if let index = state.held.firstIndex(where: { $0.token == token }) { state.held[index].isEnding = true }
        }
    }

    /// Links above the destination are resolved as far as there is something, so that two spellings are one lock.
    private static func realComponents(of destination: FilePath) -> [FileName] {
        let names = destination.componentNames
        guard let parents = try? ParentDirectories(to: names.dropLast()), let real = try? parents.directory.realPath()
        else { return names }
        return FilePath(bytes: real).componentNames + parents.missing + names.suffix(1)
    }

    fileprivate func release(_ token: UInt64) {
        state.withLock { $0.held.removeAll { $0.token == token } }
    }

    /// A destination that is this get's alone, until this is dropped.
    public final class Lock: Sendable {
        private let token: UInt64
        private let locks: DestinationLocks

        fileprivate init(token: UInt64, locks: DestinationLocks) {
            self.token = token
            self.locks = locks
        }

        /// Its get was cancelled: whoever comes next may wait for its end.
        public func cancel() { locks.cancel(token) }

        deinit { locks.release(token) }
    }
}

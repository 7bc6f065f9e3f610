import BatonClient
import BatonFiles
import BatonProtocol

extension Path {
    /// Brings what lies at the path, at its origin, to this machine, changed or not: always all of it, except for what an interrupted
    /// attempt has brought. It appears in one step, whole; a failure leaves what was there as it was. Many may be under way at once: those
    /// beyond 32 wait their turn.
    ///
    /// - Parameters:
    ///   - destination: a path of this work for the copy itself; unless given, the place where all local operations on this path look for it.
    ///   - overwrite: replace what is at the destination, whatever it is.
    ///   - limit: how long all of it may take.
    ///   - stall: how long to go on while nothing moves.
    /// - Returns: what came.
    /// - Throws: ``PathError`` `notFound`, `alreadyExists`, `notShared`, `unreachable`, `deadline`, `changed` if it kept changing while it was
    ///   read, `cannotCreate`, `permission`, `noSpace`, `cancelled` if the task is, `notAttached`, `outsideWork`; `usage` for a path of this
    ///   very work.
    @discardableResult
    public func get(
        to destination: Path? = nil, overwrite: Bool = false, within limit: Duration = transferLimit,
        stall: Duration = .seconds(30)
    ) async throws(PathError) -> Fetched {
        for try await progress in transfer(to: destination, overwrite: overwrite, within: limit, stall: stall) {
            if let fetched = progress.fetched { return fetched }
        }
        throw PathError(.internal, "the get of '\(self)' ended without a word", path: self)
    }

    /// A get that tells how far it is.
    ///
    /// ```swift
    /// for try await progress in checkpoints.transfer() {
    ///     print(progress.bytes, progress.waitingFor)
    /// }
    /// ```
    ///
    /// Iterating drives it: the get begins with the loop, and the loop ends when the copy is in place. Whoever leaves the loop before, or
    /// cancels the task, cancels the get. Each loop is a get of its own. About once a second there is something new; the last
    /// progress, and there is one in any case, has ``Progress/fetched``.
    ///
    /// - Parameters: as those of ``get(to:overwrite:within:stall:)``, and so are the errors of the loop.
    public func transfer(
        to destination: Path? = nil, overwrite: Bool = false, within limit: Duration = transferLimit,
        stall: Duration = .seconds(30)
    ) -> Transfer {
        Transfer(path: self, destination: destination, overwrite: overwrite, limit: limit, stall: stall)
    }

    /// How far a get is, over and over, until the copy is in place. See ``transfer(to:overwrite:within:stall:)``.
    public struct Transfer: AsyncSequence, Sendable {
        public typealias Element = Progress
        public typealias Failure = PathError

        fileprivate let path: Path
        fileprivate let destination: Path?
        fileprivate let overwrite: Bool
        fileprivate let limit: Duration
        fileprivate let stall: Duration

        public func makeAsyncIterator() -> Iterator { Iterator(self) }

        public struct Iterator: AsyncIteratorProtocol {
            private let transfer: Transfer
            private var events: BatonClient.Transfer.Iterator?
            private var last: Progress?

            fileprivate init(_ transfer: Transfer) { self.transfer = transfer }

            public mutating func next(
                isolation: isolated (any Actor)? = #isolation
            ) async throws(PathError) -> Progress? {
                var events: BatonClient.Transfer.Iterator
                if let begun = self.events { events = begun } else { events = try transfer.begin().makeAsyncIterator() }
                // Taken out, so that there is one owner, whose end is the end of the get.
                self.events = nil
                do throws(BatonError) {
                    let event = try await events.next(isolation: isolation)
                    self.events = events
                    switch event {
                    case .progress(let progress): last = Progress(progress)
                    case .done(let fetched): last = Progress(Fetched(fetched, of: transfer.path), after: last)
                    case nil: return nil
                    }
                } catch {
                    self.events = events
                    throw transfer.inWordsOfTheLibrary(error)
                }
                return last
            }
        }
    }
}

extension Path.Transfer {
    fileprivate func begin() throws(PathError) -> BatonClient.Transfer {
        let agent = try path.agentToAsk
        var order = Request.Destination(overwrite: overwrite, stall: stall.milliseconds)
        if let destination {
            let place = try destination.filePath
            do throws(NameError) { order.path = try PathName(resolving: place.bytes) } catch {
                throw PathError(error, about: destination)
            }
        }
        return agent.transfer(path.reference, to: order, within: limit)
    }

    fileprivate func inWordsOfTheLibrary(_ error: BatonError) -> PathError {
        var failure = PathError(error, about: path)
        if error.code == .alreadyExists {
            let place = (try? (destination ?? path).filePath).map { " at '\(Escaping.printable($0.bytes))'" } ?? ""
            failure.message =
                "'\(path)' was not got: there is something\(place) already; pass overwrite: true to replace it"
        }
        return failure
    }
}

extension Duration {
    /// Whole milliseconds, as far as they fit.
    fileprivate var milliseconds: UInt32 {
        let (seconds, attoseconds) = components
        return UInt32(clamping: min(max(0, seconds), 86_400) * 1000 + attoseconds / 1_000_000_000_000_000)
    }
}

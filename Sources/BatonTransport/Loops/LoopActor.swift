public import NIOCore

/// An actor whose executor is one event loop, so that channel handlers of that loop can call it without a hop.
public protocol LoopActor: Actor {
    nonisolated var loop: any EventLoop { get }
}

extension LoopActor {
    /// Runs `body` on the actor: at once if the caller is on its loop, else as soon as the loop comes to it. Calls from one
    /// thread keep their order.
    nonisolated public func onLoop(_ body: @escaping @Sendable (isolated Self) -> Void) {
        if loop.inEventLoop {
            assumeIsolated(body)
        } else {
            loop.execute { self.assumeIsolated(body) }
        }
    }
}

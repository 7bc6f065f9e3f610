import Glibc
import SystemPackage

/// The way from `/` down to a directory, one component at a time, so that no path is too long for the kernel.
struct ParentDirectories {
    /// A place holder of the lowest directory that there is.
    private(set) var directory: Descriptor
    /// What is missing below it, from the top down.
    private(set) var missing: ArraySlice<FileName> = []
    private var made: [FileName] = []
    private var followsLinks: Bool

    /// Goes down as far as there is something.
    ///
    /// - Parameter isClosed: a directory below which links are no longer followed.
    init(
        to path: some Collection<FileName>, followingLinks: Bool = true,
        isClosed: (FileIdentity) -> Bool = { _ in false }
    ) throws(Errno) {
        directory = try Descriptor.place(of: "/")
        followsLinks = followingLinks
        var rest = Array(path)[...]
        while let name = rest.first {
            if followsLinks, isClosed(try directory.status().identity) { followsLinks = false }
            do throws(Errno) {
                directory = try next(name)
            } catch .noSuchFileOrDirectory {
                missing = rest
                return
            }
            rest.removeFirst()
        }
    }

    /// Makes what is missing, as `mkdir -p` does. After a failure nothing that was made is left.
    mutating func makeMissing() throws(Errno) {
        do throws(Errno) {
            while let name = missing.first {
                do throws(Errno) {
                    try directory.makeDirectory(name, mode: 0o777)
                    made.append(name)
                } catch .fileExists {
                    // Another get was faster, and takes away what it made if it fails.
                    made = []
                }
                directory = try next(name)
                missing.removeFirst()
            }
        } catch {
            removeMade()
            throw error
        }
    }

    /// How many of the lowest directories were made.
    var madeCount: Int { made.count }

    /// Takes away again what was made, as far as it is empty.
    func removeMade() {
        var lowest = directory
        for name in made.reversed() {
            guard let parent = try? lowest.place(of: .parent), let found = try? parent.status(of: name),
                let own = try? lowest.status(), found.identity == own.identity,
                (try? parent.removeDirectory(name)) != nil
            else { return }
            lowest = parent
        }
    }

    private func next(_ name: FileName) throws(Errno) -> Descriptor {
        let next = try directory.place(of: name, following: followsLinks)
        guard try next.status().kind == .directory else { throw .notDirectory }
        return next
    }
}

extension Descriptor {
    /// Whether `judge` says yes to this directory or to one above it, up to `/`.
    func isOrIsBelow(_ judge: (FileIdentity) -> Bool) throws(Errno) -> Bool {
        var directory = self
        var identity = try status().identity
        for _ in 0..<100_000 {
            if judge(identity) { return true }
            let parent = try directory.place(of: .parent)
            let above = try parent.status().identity
            if above == identity { return false }
            directory = parent
            identity = above
        }
        throw .fileNameTooLong
    }
}

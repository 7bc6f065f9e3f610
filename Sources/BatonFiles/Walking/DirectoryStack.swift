import SystemPackage

/// The directories from the top of a tree down to where a walk stands.
///
/// Only the lowest few stay open, so that deep trees and many transfers at once do not use up the descriptors: on the way
/// back up, `..` is opened again, and must be the directory that it was.
struct DirectoryStack<Content> {
    private struct Level {
        var descriptor: Descriptor?
        let identity: FileIdentity
        var content: Content
    }

    private var levels: [Level] = []
    private let held = 16

    var isEmpty: Bool { levels.isEmpty }
    var count: Int { levels.count }

    /// The directory where the walk stands.
    var current: Descriptor? { levels.last?.descriptor }

    var content: Content? {
        get { levels.last?.content }
        set {
            guard let newValue, let last = levels.indices.last else { return }
            levels[last].content = newValue
        }
    }

    /// Changes the content of the current level in place.
    mutating func withContent<T>(_ body: (inout Content) -> T) -> T? {
        guard let last = levels.indices.last else { return nil }
        return body(&levels[last].content)
    }

    mutating func push(_ directory: Descriptor, identity: FileIdentity, _ content: Content) {
        levels.append(Level(descriptor: directory, identity: identity, content: content))
        if levels.count > held { levels[levels.count - 1 - held].descriptor = nil }
    }

    /// Leaves the current directory; what it holds of the directory above is good again.
    mutating func pop() throws(FileFault) -> (directory: Descriptor, content: Content)? {
        guard let level = levels.last, let directory = level.descriptor else { return nil }
        let above = levels.count - 2
        if above >= 0, levels[above].descriptor == nil {
            let parent = try faulting { () throws(Errno) in try directory.directory(.parent) }
            let identity = try faulting { () throws(Errno) in try parent.status().identity }
            guard identity == levels[above].identity else { throw .changed }
            levels[above].descriptor = parent
        }
        levels.removeLast()
        return (directory, level.content)
    }
}

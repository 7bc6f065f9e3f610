import BatonProtocol

/// A pattern of paths: components with wildcards, and `**` for any number of components.
struct PathPattern {
    let isAbsolute: Bool
    let components: [NamePattern]

    /// - Throws: ``PathError`` `invalidPath` for one that is empty, or has a component `..`.
    init(_ text: String) throws(PathError) {
        func refuse(_ reason: String) -> PathError {
            PathError(.invalidPath, "'\(Escaping.printable(text))' is no pattern: \(reason)")
        }
        let bytes = Array(text.utf8)
        isAbsolute = bytes.first == UInt8(ascii: "/")
        components = bytes.split(separator: UInt8(ascii: "/")).filter { !$0.elementsEqual(".".utf8) }
            .map { NamePattern($0) }
        if components.isEmpty { throw refuse("it names nothing") }
        if bytes.contains(0) { throw refuse("it has a NUL byte") }
        if components.contains(where: { $0.bytes.elementsEqual("..".utf8) }) { throw refuse("'..' leads out of it") }
        // The paths of this system are no longer than that.
        if bytes.count > Limits.path { throw refuse("it is longer than \(Limits.path) bytes") }
    }

    func matches(_ path: PathName) -> Bool {
        guard path.isAbsolute || !isAbsolute else { return false }
        let pattern = isAbsolute ? components : [NamePattern("**".utf8)] + components
        return wildcardMatch(pattern, path.components, isStar: \.isAnyDepth) { $0.matches($1) }
    }
}

extension Path {
    /// Whether the path matches a pattern. `*` stands for any characters of a name, `?` for one, `[a-z]` and `[!a-z]` for one of a set,
    /// `**` for any number of components. A relative pattern matches the end of the path, `*.ckpt` each path with such a name; an absolute
    /// one all of it. A leading dot of a name is nothing special. No file is looked at.
    ///
    /// - Throws: ``PathError`` `invalidPath` for a pattern that is empty, or has a component `..`.
    public func matches(_ pattern: String) throws(PathError) -> Bool {
        try PathPattern(pattern).matches(reference.path)
    }

    /// What lies below the directory and matches the pattern, on this machine, in the order of ``walk()``: `*.ckpt` in the directory itself,
    /// `*/*.ckpt` one farther down, `**/*.ckpt` wherever. `**` follows no links; as the last component it stands for everything.
    ///
    /// - Throws: as ``matches(_:)``, also for an absolute pattern, and as ``list()``.
    public func glob(_ pattern: String) throws(PathError) -> [Path] {
        let pattern = try PathPattern(pattern)
        guard !pattern.isAbsolute else {
            throw PathError(.invalidPath, "an absolute pattern cannot lie below '\(self)'", path: self)
        }
        _ = try list()
        var found: Set<Path> = []
        var seen: Set<Visit> = [Visit(path: self, next: 0)]
        var open = Array(seen)
        while let visit = open.popLast() {
            for step in try visit.steps(pattern.components) {
                if step.next == pattern.components.count {
                    if step.path != self { found.insert(step.path) }
                } else if seen.insert(step).inserted {
                    open.append(step)
                }
            }
        }
        return found.sorted()
    }
}

/// Where a search stands: what lies at the path is to match the components from `next` on.
private struct Visit: Hashable {
    let path: Path
    let next: Int

    func steps(_ pattern: [NamePattern]) throws(PathError) -> [Visit] {
        let component = pattern[next]
        if component.isAnyDepth {
            let isLast = next == pattern.count - 1
            var steps = [Visit(path: path, next: next + 1)]
            for child in try children() {
                if isLast { steps.append(Visit(path: child, next: pattern.count)) }
                if try child.kind(followingLinks: false) == .directory { steps.append(Visit(path: child, next: next)) }
            }
            return steps
        }
        if component.isLiteral {
            let child = try path.appending(bytes: component.bytes)
            return try child.kind(followingLinks: false) == nil ? [] : [Visit(path: child, next: next + 1)]
        }
        return try children().filter { component.matches($0.reference.path.name) }
            .map { Visit(path: $0, next: next + 1) }
    }

    /// Nothing for what is no directory, or has gone meanwhile.
    private func children() throws(PathError) -> [Path] {
        do throws(PathError) { return try path.list() } catch {
            switch error.code {
            case .notFound, .notADirectory: return []
            default: throw error
            }
        }
    }
}

import BatonProtocol
import SystemPackage

/// What is never served, by whatever name or link it is reached: `ROOT/.baton` and the stages of gets under way.
struct Hidden {
    let baton: FileIdentity

    /// Whether a path cannot be served whatever lies there.
    static func hides(_ path: PathName) -> Bool {
        guard mayNameBaton(path.bytes) else { return false }
        let components = path.components
        if !path.isAbsolute, components.first?.elementsEqual(".baton".utf8) == true { return true }
        return components.contains { StageName.matches($0) }
    }

    /// Whether the thing itself lies in `ROOT/.baton` or in a stage.
    func hides(_ place: Place) throws(FileFault) -> Bool {
        let real = try faulting { () throws(Errno) in try place.descriptor.realPath() }
        if real.first != UInt8(ascii: "/") { return true }
        // The folder has its name, unless somebody with root's powers mounted it elsewhere: only a path with that name in it is
        // worth a closer look.
        guard Hidden.mayNameBaton(real) else { return false }
        let components = real.split(separator: UInt8(ascii: "/"))
        if components.contains(where: { StageName.matches($0) }) { return true }
        let directory = try place.status.kind == .directory ? place.descriptor : parent(of: place, at: components)
        return try faulting { () throws(Errno) in try directory.isOrIsBelow { $0 == baton } }
    }

    /// Whether a component could be `.baton` or a stage's name.
    static func mayNameBaton(_ path: [UInt8]) -> Bool {
        let name = ".baton".utf8
        var rest = path[...]
        while let dot = rest.firstIndex(of: UInt8(ascii: ".")) {
            if rest[dot...].starts(with: name) { return true }
            rest = rest[(dot + 1)...]
        }
        return false
    }

    /// The directory that holds a file: the one in its real path, if the file still is where that says.
    private func parent(of place: Place, at components: [ArraySlice<UInt8>]) throws(FileFault) -> Descriptor {
        guard let name = components.last else { return place.descriptor }
        let above = [UInt8(ascii: "/")] + components.dropLast().joined(separator: [UInt8(ascii: "/")])
        let parent = try faulting { () throws(Errno) in try Descriptor.place(of: FileName(above)) }
        let found = try faulting { () throws(Errno) in try parent.status(of: FileName(name)).identity }
        guard found == place.status.identity else { throw .changed }
        return parent
    }

    static func refusal(of path: PathName) -> BatonError {
        BatonError(.notShared, "'\(path)' is not shared: it is part of Baton's own folder", path: path)
    }
}

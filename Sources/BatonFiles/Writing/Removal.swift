import SystemPackage

extension Descriptor {
    /// Removes `name` and everything below it, whatever the modes of its directories; nothing if it does not exist.
    ///
    /// Links are removed, never followed; what is mounted below is never entered.
    ///
    /// - Returns: whether there was something.
    @discardableResult
    func removeTree(_ name: FileName) throws(FileFault) -> Bool {
        do throws(Errno) {
            try removeFile(name)
            return true
        } catch {
            switch error {
            case .noSuchFileOrDirectory: return false
            case .isDirectory, .notPermitted: break
            default: throw .system(error)
            }
        }
        // A directory to which somebody adds while it is emptied is tried again, but not for ever.
        for _ in 0..<8 {
            try empty(name)
            do throws(Errno) {
                try removeDirectory(name)
                return true
            } catch .directoryNotEmpty {} catch {
                throw .system(error)
            }
        }
        throw .system(.directoryNotEmpty)
    }

    private struct Emptying {
        let name: FileName
        let names: DirectoryNames
        var next = 0
    }

    private func empty(_ name: FileName) throws(FileFault) {
        var directories = DirectoryStack<Emptying>()
        try push(name, to: &directories)
        while let directory = directories.current, let level = directories.content {
            guard level.next < level.names.count else {
                _ = try directories.pop()
                // The top itself is the caller's to remove.
                guard let parent = directories.current else { return }
                do throws(Errno) { try parent.removeDirectory(level.name) } catch .directoryNotEmpty {} catch {
                    throw .system(error)
                }
                continue
            }
            let child = level.names[level.next]
            directories.content?.next += 1
            do throws(Errno) {
                try directory.removeFile(child)
            } catch {
                switch error {
                case .noSuchFileOrDirectory: break
                case .isDirectory: try directory.push(child, to: &directories)
                default: throw .system(error)
                }
            }
        }
    }

    private func push(_ name: FileName, to directories: inout DirectoryStack<Emptying>) throws(FileFault) {
        try faulting { () throws(Errno) in
            let place = try placeOfDirectoryOnSameMount(name)
            let status = try place.status()
            if status.mode & 0o700 != 0o700 { try place.setModeOfPlace(0o700) }
            let directory = try place.directory(.current)
            directories.push(
                directory, identity: status.identity, Emptying(name: name, names: try DirectoryNames(of: directory)))
        }
    }
}

import BatonFiles
import SystemPackage

extension Path {
    /// Does something where the path lies, and says what could not be done if it fails.
    func locally<Result>(
        _ failing: String, _ body: (FilePath) throws(Errno) -> Result
    ) throws(PathError) -> Result {
        let place = try filePath
        do throws(Errno) { return try body(place) } catch { throw PathError(error, failing, self, at: place) }
    }

    /// The same with a whole tree.
    func locally<Result>(
        _ failing: String, tree body: (LocalTree) throws(FileFault) -> Result
    ) throws(PathError) -> Result {
        let context = try WorkContext.required(for: self)
        let place = context.place(of: reference)
        do throws(FileFault) { return try body(LocalTree(place, in: context.layout)) } catch {
            throw PathError(error, failing, self, at: place)
        }
    }

    /// - Throws: ``PathError`` `usage` if the work itself would go with what lies here.
    func refuseToLoseTheWork() throws(PathError) {
        let holds = try locally("cannot be replaced", tree: { $0.holdsTheWork() })
        guard !holds else {
            throw PathError(
                .usage, "'\(self)' cannot be moved, removed or replaced: the work itself lies there", path: self)
        }
    }
}

import BatonProtocol
import SystemPackage

/// The extended attributes of one entry that travel: `user.*` and access control lists, sorted by name, as far as the protocol takes
/// them.
struct EntryAttributes {
    private(set) var attributes: [ExtendedAttribute] = []
    /// There are some that do not travel.
    private(set) var isIncomplete = false

    /// Labels that a security policy gives to every file: not the file's own, and on other machines others.
    private static func isOfTheMachine(_ name: [UInt8]) -> Bool {
        name.starts(with: "security.".utf8) && !name.elementsEqual("security.capability".utf8)
    }

    /// - Parameter descriptor: of a file or a directory, opened for reading.
    init(of descriptor: Descriptor) throws(FileFault) {
        let names = try faulting { () throws(Errno) in try descriptor.attributeNames() }
        isIncomplete = names.contains { !ExtendedAttribute.travels($0) && !EntryAttributes.isOfTheMachine($0) }
        var room = Limits.attributeBytes
        for name in names.filter(ExtendedAttribute.travels).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            let value: [UInt8]
            do throws(Errno) {
                value = try descriptor.attribute(name)
            } catch {
                // Removed in this moment: the version has changed, and the entry is read again.
                if error == .noData { continue }
                throw .system(error)
            }
            guard attributes.count < Limits.attributes, name.count + value.count <= room else {
                isIncomplete = true
                continue
            }
            room -= name.count + value.count
            attributes.append(ExtendedAttribute(name: name, value: value))
        }
    }
}

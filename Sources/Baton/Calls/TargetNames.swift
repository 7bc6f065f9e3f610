import Distributed
import Glibc

/// Which distributed methods a work's type has. Swift's runtime runs whatever name it is given on whatever actor: a method of another
/// type would read foreign memory, so a name is looked at here before the runtime gets it.
struct TargetNames {
    /// `Example.Trainer`
    private let type: String

    /// - Throws: ``CallError`` `unsupported` for a type that cannot be a work's: a generic one, or a private one, which has no name that
    ///   two processes agree upon.
    init(_ type: any Work.Type) throws(CallError) {
        let name = _typeName(type, qualified: true)
        guard !name.contains("<"), !name.contains("(") else {
            throw CallError(
                .unsupported,
                "'\(name)' cannot be a work: its type must be neither generic nor private, nor declared in a function")
        }
        self.type = name
    }

    /// The base name of the method, `run`.
    ///
    /// - Parameter target: the mangled name, as a peer has sent it.
    /// - Returns: `nil` if the type has no such distributed method.
    func method(_ target: String) -> String? {
        // Only what the compiler wrote into this very program is demangled: nothing that a peer made up.
        guard TargetNames.isKnown(target), let name = TargetNames.demangle(target) else { return nil }
        let start = "distributed thunk \(type)."
        guard name.hasPrefix(start), let end = name.firstIndex(of: "(") else { return nil }
        let method = name[name.index(name.startIndex, offsetBy: start.count)..<end]
        return method.contains(where: { ".<".contains($0) }) ? nil : String(method)
    }

    /// Whether the program has a distributed method of that name.
    private static func isKnown(_ target: String) -> Bool {
        var target = target
        return target.withUTF8 { utf8 in
            utf8.baseAddress.flatMap { findAccessibleFunction($0, UInt(utf8.count)) } != nil
        }
    }

    private static func demangle(_ name: String) -> String? {
        guard let text = swiftDemangle(name, UInt(name.utf8.count), nil, nil, 0) else { return nil }
        defer { free(text) }
        return String(cString: text)
    }
}

// Two functions of Swift's runtime that its library offers under no other name.

/// The record that the compiler has written for a distributed method; `nil` if there is none of that very name.
@_silgen_name("swift_findAccessibleFunction")
private func findAccessibleFunction(_ name: UnsafePointer<UInt8>, _ length: UInt) -> UnsafeRawPointer?

/// The caller frees what it returns.
@_silgen_name("swift_demangle")
private func swiftDemangle(
    _ name: UnsafePointer<CChar>, _ length: UInt, _ output: UnsafeMutablePointer<CChar>?,
    _ size: UnsafeMutablePointer<UInt>?, _ flags: UInt32
) -> UnsafeMutablePointer<CChar>?

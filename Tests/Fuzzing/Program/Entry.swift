import Glibc

/// The target that this process runs: its first argument. `list` as the first argument lists all of them, `seeds TARGET`
/// prints inputs to begin with, one a line in hexadecimal digits. All other arguments are libFuzzer's.
@_cdecl("LLVMFuzzerInitialize")
public func fuzzerInitialize(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>
) -> CInt {
    let names = CommandLine.arguments.dropFirst()
    switch names.first {
    case "list":
        for target in FuzzTarget.all {
            print(([target.name, "\(target.longest)"] + target.code).joined(separator: "\t"))
        }
        exit(0)
    case "seeds":
        for seed in names.dropFirst().first.flatMap(FuzzTarget.named)?.seeds() ?? [] { print(seed.hex) }
        exit(0)
    case .some(let name) where FuzzTarget.named(name) != nil:
        // The processes that libFuzzer starts inherit it; what libFuzzer sees are the arguments behind it.
        setenv(variable, name, 1)
        let program = arguments.pointee[0]
        arguments.pointee += 1
        arguments.pointee[0] = program
        count.pointee -= 1
    default: break
    }
    guard target != nil else {
        print("usage: baton-fuzz list | seeds TARGET | TARGET [libFuzzer's arguments]")
        exit(64)
    }
    return 0
}

private let variable = "BATON_FUZZ_TARGET"
private let target: FuzzTarget? = getenv(variable).flatMap { FuzzTarget.named(String(cString: $0)) }

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzerTestOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let before = processorSeconds
    do {
        try target?.check(Array(UnsafeBufferPointer(start: start, count: count)))
        // By the processor's clock: on a busy machine a second passes for nothing.
        let spent = processorSeconds - before
        try expect(spent < 1, "\(count) bytes took \(spent) seconds")
    } catch {
        print("FINDING: \(error)")
        fflush(nil)
        abort()
    }
    return 0
}

private var processorSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

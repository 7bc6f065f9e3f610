import Glibc

/// The program that libFuzzer drives. Its first argument is the target; `list` lists all of them, `seeds TARGET` prints
/// inputs to begin with, one a line in hexadecimal digits. All other arguments are libFuzzer's.
@main
enum FuzzProgram {
    static func main() {
        let names = CommandLine.arguments.dropFirst()
        switch names.first {
        case "list":
            for target in FuzzTarget.all {
                print(([target.name, "\(target.longest)"] + target.code).joined(separator: "\t"))
            }
        case "seeds":
            for seed in names.dropFirst().first.flatMap(FuzzTarget.named)?.seeds() ?? [] { print(seed.hex) }
        case .some(let name) where FuzzTarget.named(name) != nil:
            // The processes that libFuzzer starts inherit it; what libFuzzer sees are the arguments behind it.
            setenv(variable, name, 1)
            CommandLine.unsafeArgv[1] = CommandLine.unsafeArgv[0]
            fuzz(skipping: 1)
        default:
            guard target != nil else {
                print("usage: baton-fuzz list | seeds TARGET | TARGET [libFuzzer's arguments]")
                exit(64)
            }
            fuzz(skipping: 0)
        }
    }

    private static func fuzz(skipping skipped: Int) {
        var count = CommandLine.argc - CInt(skipped)
        var arguments = CommandLine.unsafeArgv + skipped
        let status = runDriver(&count, &arguments) { start, count in
            FuzzProgram.check(UnsafeBufferPointer(start: start, count: count))
        }
        exit(status)
    }

    private static func check(_ input: UnsafeBufferPointer<UInt8>) -> CInt {
        let before = processorSeconds
        do {
            try target?.check(Array(input))
            // By the processor's clock: on a busy machine a second passes for nothing.
            let spent = processorSeconds - before
            try expect(spent < 1, "\(input.count) bytes took \(spent) seconds")
        } catch {
            print("FINDING: \(error)")
            fflush(nil)
            abort()
        }
        return 0
    }
}

// libFuzzer as a library, since no module is compiled as its program: only our own code is to be watched by it.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ check: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

private let variable = "BATON_FUZZ_TARGET"
private let target: FuzzTarget? = getenv(variable).flatMap { FuzzTarget.named(String(cString: $0)) }

private var processorSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

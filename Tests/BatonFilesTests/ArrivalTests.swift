import BatonProtocol
import Foundation
import Glibc
import NIOCore
import Synchronization
import SystemPackage
import Testing

@testable import BatonFiles

/// What counts as something at a path that is waited for. The kernel has queued its notices when the call that causes them returns, so
/// what does not count is known at once. A file is closed a moment later if another test happens to be starting a process, which
/// has all descriptors of this one until it has become its program.
@Suite struct ArrivalTests {
    let bench: Bench
    let watches: DirectoryWatches
    init() throws {
        bench = try Bench()
        watches = try DirectoryWatches()
    }

    /// A wait, and what it has been told.
    final class Waiter: Sendable {
        let arrival: Arrival
        private let watches: DirectoryWatches
        private let descriptor: Descriptor
        private let calls: Calls

        final class Calls: Sendable {
            let count = Atomic(0)
        }

        init(_ path: PathName, _ files: SharedFiles, _ watches: DirectoryWatches) throws {
            let calls = Calls()
            self.calls = calls
            self.watches = watches
            descriptor = Descriptor(owning: try watches.descriptor())
            arrival = Arrival(of: path, in: files, watches: watches) { calls.count.add(1, ordering: .relaxed) }
        }

        /// Hands over what the kernel has to say.
        func pump() {
            var bytes = [UInt8](repeating: 0, count: DirectoryWatches.pieceSize)
            while true {
                let count = read(descriptor.number, &bytes, bytes.count)
                if count <= 0 { return }
                var buffer = ByteBuffer(bytes: bytes[..<count])
                watches.receive(&buffer)
            }
        }

        /// Waits until it is called and sees that it has arrived.
        func arrives() throws -> Bool {
            while try !sees() {
                var notice = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
                guard poll(&notice, 1, 10_000) > 0 else { return false }
            }
            return true
        }

        /// Whether it was called since it last looked, and sees that it has arrived.
        func sees() throws -> Bool {
            pump()
            guard calls.count.exchange(0, ordering: .relaxed) > 0 else { return false }
            return try arrival.look()
        }
    }

    /// A wait that has looked once and found nothing.
    private func waiter(_ path: String, shared: String..., files: SharedFiles? = nil) throws -> Waiter {
        let declared = SharedFiles(folder: bench.origin, servesReadOnly: false)
        for path in shared { _ = try declared.declare(PathName(path)) }
        let waiter = try Waiter(PathName(path), files ?? declared, watches)
        #expect(try waiter.arrival.look() == false)
        return waiter
    }

    private func path(_ name: String) -> String { bench.originRoot + "/" + name }

    private func openForWriting(_ name: String) throws -> CInt {
        let file = open(path(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        try #require(file >= 0)
        return file
    }

    // MARK: Files

    @Test func `a file counts when it is closed after writing, and not before`() throws {
        let waiter = try waiter("f", shared: "f")
        let file = try openForWriting("f")
        #expect(try waiter.sees() == false)
        #expect(write(file, "x", 1) == 1)
        #expect(try waiter.sees() == false)
        close(file)
        #expect(try waiter.arrives())
    }

    @Test func `an empty file counts when it is closed`() throws {
        let waiter = try waiter("f", shared: "f")
        try bench.run(": > origin/f")
        #expect(try waiter.arrives())
    }

    @Test func `a file that is renamed into place counts at once`() throws {
        let waiter = try waiter("d/f", shared: "d")
        try bench.run("mkdir origin/d; echo x > origin/d/.f.tmp")
        #expect(try waiter.sees() == false)
        try bench.run("mv origin/d/.f.tmp origin/d/f")
        #expect(try waiter.arrives())
    }

    @Test func `a file that is renamed into place counts though its writer still has it open`() throws {
        let waiter = try waiter("f", shared: "")
        let file = try openForWriting("g")
        #expect(rename(path("g"), path("f")) == 0)
        #expect(try waiter.arrives())
        close(file)
    }

    @Test func `a hard link counts at once, also of an empty file that somebody has open for writing`() throws {
        let waiter = try waiter("f", shared: "")
        let file = try openForWriting("g")
        #expect(try waiter.sees() == false)
        try bench.run("ln origin/g origin/f")
        #expect(try waiter.arrives())
        close(file)
    }

    @Test func `a file that is in the way of a directory may make room for it`() throws {
        try bench.run("echo x > origin/d")
        let waiter = try waiter("d/f", shared: "d")
        try bench.run("rm origin/d; mkdir origin/d; echo x > origin/d/f")
        #expect(try waiter.arrives())
    }

    @Test func `a file that was written without a name and then linked counts when its writer closes it`() throws {
        let waiter = try waiter("f", shared: "")
        let file = open(bench.originRoot, O_WRONLY | 0o20000000 | O_DIRECTORY | O_CLOEXEC, 0o644)
        try #require(file >= 0)
        #expect(write(file, "x", 1) == 1)
        let linked = linkat(AT_FDCWD, "/proc/self/fd/\(file)", AT_FDCWD, path("f"), AT_SYMLINK_FOLLOW)
        #expect(linked == 0)
        #expect(try waiter.sees() == false)
        close(file)
        #expect(try waiter.arrives())
    }

    @Test func `a symbolic link counts once it leads somewhere`() throws {
        let waiter = try waiter("c/last.ckpt", shared: "c")
        try bench.run("mkdir origin/c; ln -s epoch=9.ckpt origin/c/last.ckpt")
        #expect(try waiter.sees() == false)
        let file = try openForWriting("c/epoch=9.ckpt")
        #expect(try waiter.sees() == false)
        close(file)
        #expect(try waiter.arrives())
    }

    @Test func `a symbolic link that is made to something that exists counts at once`() throws {
        try bench.run("mkdir origin/c; echo x > origin/c/epoch=9.ckpt")
        let waiter = try waiter("c/last.ckpt", shared: "c")
        try bench.run("ln -s epoch=9.ckpt origin/c/last.ckpt")
        #expect(try waiter.arrives())
    }

    @Test func `a link on the way that is pointed elsewhere is followed anew`() throws {
        try bench.run("cd origin; mkdir -p runs/1 runs/2; echo x > runs/2/out; ln -s 1 runs/latest")
        let waiter = try waiter("runs/latest/out", shared: "runs")
        try bench.run("cd origin/runs; ln -s 2 next; mv -T next latest")
        #expect(try waiter.arrives())
    }

    @Test func `a FIFO counts as it does for exists`() throws {
        let waiter = try waiter("p", shared: "")
        try bench.run("mkfifo origin/p")
        #expect(try waiter.arrives())
    }

    // MARK: Directories

    @Test func `parents that are missing are watched from the nearest one that exists`() throws {
        let waiter = try waiter("a/b/c/f", shared: "a")
        for parent in ["a", "a/b", "a/b/c"] {
            try bench.run("mkdir origin/\(parent)")
            #expect(try waiter.sees() == false)
        }
        try bench.run("echo x > origin/a/b/c/f")
        #expect(try waiter.arrives())
    }

    @Test func `what was made and written before its new parents could be watched is found`() throws {
        let waiter = try waiter("a/b/c/f", shared: "a")
        try bench.run("mkdir -p origin/a/b/c; echo x > origin/a/b/c/f")
        #expect(try waiter.arrives())
    }

    @Test func `a file that is being written when its new parent is first watched counts when it is closed`() throws {
        let waiter = try waiter("a/f", shared: "a")
        try bench.run("mkdir origin/a")
        let file = try openForWriting("a/f")
        #expect(write(file, "x", 1) == 1)
        #expect(try waiter.sees() == false)
        close(file)
        #expect(try waiter.arrives())
    }

    @Test func `a directory that is made counts once a file in it is closed after writing`() throws {
        let waiter = try waiter("d", shared: "d")
        try bench.run("mkdir -p origin/d/deep/er")
        #expect(try waiter.sees() == false)
        let file = try openForWriting("d/deep/er/f")
        #expect(try waiter.sees() == false)
        close(file)
        #expect(try waiter.arrives())
    }

    @Test func `a directory that is made counts once something is moved into it`() throws {
        let waiter = try waiter("d", shared: "")
        try bench.run("mkdir origin/d origin/empty")
        #expect(try waiter.sees() == false)
        try bench.run("mv origin/empty origin/d")
        #expect(try waiter.arrives())
    }

    @Test func `a directory that is moved into place counts at once`() throws {
        let waiter = try waiter("d", shared: "")
        try bench.run("mkdir origin/e; mv origin/e origin/d")
        #expect(try waiter.arrives())
    }

    @Test func `everything below a directory that is moved into place counts at once`() throws {
        let waiter = try waiter("d/e/f", shared: "")
        try bench.run("mkdir -p origin/t/e; echo x > origin/t/e/f")
        let file = try openForWriting("t/e/f")
        try bench.run("mv origin/t origin/d")
        #expect(try waiter.arrives())
        close(file)
    }

    @Test func `a directory that was moved away and made anew is watched anew`() throws {
        try bench.run("mkdir -p origin/a/b")
        let waiter = try waiter("a/b/f", shared: "a")
        try bench.run("mv origin/a elsewhere; mkdir -p origin/a/b")
        #expect(try waiter.sees() == false)
        try bench.run("echo x > elsewhere/b/f")
        #expect(try waiter.sees() == false)
        try bench.run("echo x > origin/a/b/f")
        #expect(try waiter.arrives())
    }

    @Test func `a directory on the way that is deeper than the watched ones may be removed and come back`() throws {
        let deep = Array(repeating: "d", count: 80).joined(separator: "/")
        try bench.run("mkdir -p origin/\(deep)")
        let waiter = try waiter(deep + "/f", shared: "d")
        #expect(watches.count < 80)
        try bench.run("echo x > origin/\(deep)/f")
        #expect(try waiter.arrives())
    }

    @Test func `an absolute path is waited for below whatever of it exists`() throws {
        let waiter = try waiter(bench.top + "/far/f", shared: bench.top + "/far")
        try bench.run("mkdir far; echo x > far/f")
        #expect(try waiter.arrives())
    }

    // MARK: What never counts

    @Test func `a stage of a get is nothing, and what it is published as is something`() throws {
        let stage = ".baton-stage-0123456789abcdef0123456789abcdef"
        let waiter = try waiter("d", shared: "d")
        try bench.run("mkdir origin/d; echo x > origin/d/\(stage)")
        #expect(try waiter.sees() == false)
        try bench.run("mv origin/d/\(stage) origin/d/f")
        #expect(try waiter.arrives())
    }

    @Test(arguments: ["other", "in/../other", ".baton/x"])
    func `what is not shared cannot be waited for`(path: String) throws {
        let files = try bench.shared("in")
        let waiter = try Waiter(PathName(resolving: Array(path.utf8)), files, watches)
        try expectError(.notShared) { try waiter.arrival.look() }
        #expect(watches.count == 0)
    }

    @Test func `a link that comes to lead out of what is shared ends the wait as it ends a question`() throws {
        try bench.run("mkdir origin/c; echo secret > origin/secret")
        let waiter = try waiter("c/f", shared: "c")
        try bench.run("ln -s ../secret origin/c/f")
        try expectError(.notShared) { try waiter.sees() }
    }

    // MARK: Watches

    @Test func `names that nobody waits for call nobody`() throws {
        let waiter = try waiter("f", shared: "")
        let called = Mutex(false)
        let other = Arrival(of: try PathName("g"), in: try bench.shared(""), watches: watches) {
            called.withLock { $0 = true }
        }
        #expect(try other.look() == false)
        try bench.run("echo x > origin/f; echo x > origin/h")
        #expect(try waiter.arrives())
        #expect(called.withLock { $0 } == false)
        other.end()
    }

    @Test func `the end of a wait frees its watches and leaves those of others`() throws {
        let first = try waiter("a/f", shared: "")
        try bench.run("mkdir origin/a")
        #expect(try first.sees() == false)
        let second = try waiter("g", shared: "")
        #expect(watches.count == 2)
        first.arrival.end()
        #expect(watches.count == 1)
        try bench.run("echo x > origin/g")
        #expect(try second.arrives())
        second.arrival.end()
        #expect(watches.count == 0)
    }

    @Test func `when notices were lost everyone looks again and finds what came meanwhile`() throws {
        let waiter = try waiter("f", shared: "")
        try bench.run(": > origin/f")
        discardNotices()
        // struct inotify_event: no watch, IN_Q_OVERFLOW, no cookie, no name
        var overflow = ByteBuffer()
        overflow.writeMultipleIntegers(CInt(-1), UInt32(IN_Q_OVERFLOW), UInt32(0), UInt32(0), endianness: .host)
        watches.receive(&overflow)
        #expect(try waiter.arrives())
    }

    @Test func `a lost notice about a file that is being written is not its end`() throws {
        let waiter = try waiter("f", shared: "")
        let file = try openForWriting("f")
        discardNotices()
        var overflow = ByteBuffer()
        overflow.writeMultipleIntegers(CInt(-1), UInt32(IN_Q_OVERFLOW), UInt32(0), UInt32(0), endianness: .host)
        watches.receive(&overflow)
        #expect(try waiter.sees() == false)
        close(file)
        #expect(try waiter.arrives())
    }

    @Test(arguments: [Errno.noSpace, .tooManyOpenFiles, .tooManyOpenFilesInSystem])
    func `the limits of the system are told as something that passes`(reason: Errno) throws {
        let error = BatonError.watching(try PathName("f"), reason)
        #expect(error.code == .busy)
        #expect(error.message.contains("fs.inotify.max_user_"))
    }

    private func discardNotices() {
        guard let number = try? watches.descriptor() else { return }
        var bytes = [UInt8](repeating: 0, count: DirectoryWatches.pieceSize)
        while read(number, &bytes, bytes.count) > 0 {}
        close(number)
    }
}

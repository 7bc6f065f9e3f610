import BatonProtocol
import NIOCore
import Testing

@Suite("Frames are coded as the vectors of Protocol/ say")
struct FrameVectorTests {
    @Test("The vectors are there, of every type and of every session error that a decoder can find")
    func completeness() throws {
        #expect(Set(FrameVector.valid.compactMap(\.type)) == Set(FrameType.allCases.map(\.specificationName)))
        #expect(
            Set(FrameVector.refused.compactMap(\.error))
                == ["malformed", "frameTooLarge", "unknownType", "wrongConnection", "badStream"])
        for count in [
            FrameVector.transcript.count, FrameVector.trees.count, CreditScenario.all.count, ErrorVector.all.count,
        ] {
            #expect(count > 0)
        }
        for count in [ReferenceVector.all.count, PathVector.all.count, NameVector.all.count, OrderVector.all.count] {
            #expect(count > 0)
        }
    }

    @Test("A valid frame decodes to the listed fields", arguments: FrameVector.valid)
    func decodes(_ vector: FrameVector) throws {
        let (frame, message) = try #require(try vector.decode())
        #expect(frame.type.specificationName == vector.type)
        #expect(frame.flags == vector.flags)
        #expect(frame.stream == vector.stream)
        #expect(message.fields == vector.expectedFields)
    }

    @Test("Encoding what was decoded gives the same bytes", arguments: FrameVector.encodable)
    func encodes(_ vector: FrameVector) throws {
        let (frame, message) = try #require(try vector.decode())
        var buffer = ByteBuffer()
        buffer.writeFrame(message, stream: frame.stream)
        #expect(Array(buffer.readableBytesView) == vector.bytes)
    }

    @Test("An invalid frame is refused with the listed error", arguments: FrameVector.refused)
    func refuses(_ vector: FrameVector) throws {
        let error = #expect(throws: ProtocolViolation.self) { try vector.decode() }
        #expect(error?.code.name == vector.error)
    }

    @Test("Frames that arrive byte by byte decode to the same", arguments: FrameVector.transcript)
    func straddles(_ step: FrameVector) throws {
        let (frame, _) = try #require(try step.decode())
        var decoder = FrameDecoder(connection: step.connection == "lane" ? .lane : .control)
        decoder.isGreeted = true
        var frames: [Frame] = []
        for byte in step.bytes {
            decoder.feed(ByteBuffer(bytes: [byte]))
            while let next = try decoder.next() { frames.append(next) }
        }
        #expect(frames == [frame])
    }

    @Test("Frames of sessions and trees decode and encode", arguments: FrameVector.transcript + FrameVector.trees)
    func sequences(_ step: FrameVector) throws {
        let (frame, message) = try #require(try step.decode())
        #expect(message.fields == step.fields)
        var buffer = ByteBuffer()
        buffer.writeFrame(message, stream: frame.stream)
        #expect(Array(buffer.readableBytesView) == step.bytes)
    }
}

/// One of `checksums` in `trees.json`.
struct ChecksumVector: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let seed: String
    let data: HexBytes
    let checksum: String

    var testDescription: String { name }
}

@Suite("Checksums are as the vectors of Protocol/ say")
struct ChecksumVectorTests {
    @Test("Data of the listed length has the listed checksum")
    func checksums() throws {
        let vectors = VectorFile.list("checksums", in: "trees", of: ChecksumVector.self)
        #expect(vectors.count == 30)
        for vector in vectors {
            let seed = try #require(UInt64(vector.seed))
            #expect("\(Checksum.of(vector.data.bytes, seed: seed))" == vector.checksum, "\(vector.name)")
            if seed == 0 {
                let checksum = vector.data.bytes.withUnsafeBytes { Checksum.of($0) }
                #expect("\(checksum)" == vector.checksum, "\(vector.name)")
            }
        }
    }
}

@Suite("Credit is counted as the vectors of Protocol/ say")
struct CreditVectorTests {
    @Test("A responder sends within its credit and holds what goes beyond", arguments: CreditScenario.all)
    func scheduler(_ scenario: CreditScenario) throws {
        var scheduler = LaneScheduler()
        for (index, step) in scenario.steps.enumerated() {
            if let grant = step.grant, let limit = UInt64(grant) {
                guard index > 0 else {
                    scheduler.open(1, limit: limit)
                    continue
                }
                let violation = Result { try scheduler.grant(limit, to: 1) }.failure as? ProtocolViolation
                #expect(violation?.code == (step.result == "flowControl" ? .flowControl : nil), "step \(index)")
            } else if let type = step.lane, let length = step.length {
                let isTerminal = type == "END" || type == "ERROR"
                let frames = ByteBuffer(repeating: 0, count: length)
                scheduler.enqueue(
                    LaneBurst(frames: frames, payload: length, isTerminal: isTerminal, needsCredit: !isTerminal), on: 1)
                #expect((scheduler.next() != nil) == (step.result == "ok"), "step \(index)")
            }
        }
    }
}

@Suite("Errors and names are as the vectors of Protocol/ say")
struct NameVectorTests {
    @Test("An error code has its name and its exit status", arguments: ErrorVector.all)
    func errorCode(_ vector: ErrorVector) {
        let code = ErrorCode(rawValue: vector.code)
        #expect(code.exitStatus == vector.exit)
        #expect(code.name == vector.name ?? "code \(vector.code)")
    }

    @Test("A reference reads and writes as listed, and what is written reads the same", arguments: ReferenceVector.all)
    func reference(_ vector: ReferenceVector) throws {
        guard vector.error == nil else {
            #expect(throws: NameError.self) { try Reference(vector.text) }
            return
        }
        let reference = try Reference(vector.text)
        #expect(reference.origin?.description == vector.work)
        #expect(reference.path.bytes == vector.path?.bytes)
        #expect(reference.description == vector.canonical)
        #expect(try Reference(reference.description) == reference)
    }

    @Test("A path is valid on the wire as listed", arguments: PathVector.all)
    func path(_ vector: PathVector) {
        #expect(((try? PathName(vector.path.bytes)) != nil) == vector.wire)
    }

    @Test("A name is valid as listed", arguments: NameVector.all)
    func name(_ vector: NameVector) {
        #expect(((try? WorkName(vector.text)) != nil) == vector.valid)
    }

    @Test("Paths compare in tree order", arguments: OrderVector.all)
    func order(_ vector: OrderVector) throws {
        let (a, b) = (try PathName(vector.a.bytes), try PathName(vector.b.bytes))
        #expect((a < b) == (vector.order == "<"))
        #expect((a == b) == (vector.order == "="))
        #expect(!(b < a))
    }
}

extension Result {
    fileprivate var failure: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}

import Testing

@testable import Baton

struct PathTests {}

"""The error codes."""

CODES = [
    (1, "internal", 70), (2, "usage", 64), (3, "notFound", 66), (4, "notShared", 77), (5, "unreachable", 69),
    (6, "deadline", 75), (7, "changed", 65), (8, "corrupt", 65), (9, "alreadyExists", 73), (10, "cannotCreate", 73),
    (11, "permission", 77), (12, "cancelled", 75), (13, "interrupted", 75), (14, "busy", 75), (15, "noSpace", 73),
    (16, "unsupported", 70), (17, "tooLarge", 65), (18, "lost", 75),
    (256, "malformed", 70), (257, "helloExpected", 70), (258, "frameTooLarge", 70), (259, "unknownType", 70),
    (260, "unexpectedFrame", 70), (261, "wrongConnection", 70), (262, "badStream", 70), (263, "streamReused", 70),
    (264, "flowControl", 70), (265, "flood", 70), (266, "helloTimeout", 70), (267, "keepaliveTimeout", 69),
    (268, "versionMismatch", 70), (269, "identityRefused", 77), (270, "badTicket", 70), (271, "replaced", 69),
    (272, "shutdown", 69), (273, "tooManyConnections", 70),
]
UNKNOWN = [0, 19, 255, 274, 65_535]


def vectors():
    known = [{"code": code, "name": name, "exit": status, "scope": "session" if code >= 256 else "stream",
              "rules": ["ERR-2"]}
             for code, name, status in CODES]
    return known + [{"code": code, "name": None, "exit": 70, "rules": ["ERR-1"]} for code in UNKNOWN]

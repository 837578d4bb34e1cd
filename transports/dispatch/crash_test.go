package dispatch

const crashChildEnv = "WAYSTATION_TEST_DISPATCH_CHILD"

func crashChild() {}

// Package sockettest has cheap WebSocket clients for benchmarks. They live in a process of their own, so that the CPU
// time and the memory that a benchmark reports are the server's alone. They do not parse the contents of frames, so
// that other servers can be measured with the same clients.
//
// The process is the test binary itself: call Main first in TestMain.
package sockettest

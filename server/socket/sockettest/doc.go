// Package sockettest has cheap WebSocket clients for benchmarks. They live in a process of their own, so that the CPU
// time and the memory a benchmark reports are the server's alone. They know frames and nothing of what is in them, so
// that other servers can be measured with the same clients.
//
// The process is the test binary itself: call Main first in TestMain.
package sockettest

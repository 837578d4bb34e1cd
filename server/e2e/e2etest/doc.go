// Package e2etest starts the built program and a simulated network for the packages of tests below server/e2e, calls
// the server over HTTP and the WebSocket, and makes the files, feeds and receivers that these tests share.
//
// Main builds the program once for the tests of a package. StartSandbox and StartServer start processes, MustCall calls
// a method, FollowEvents reads events, StartDialectWorld starts a server whose callers use a REST dialect.
package e2etest

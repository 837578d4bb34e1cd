// Package resttest proves a REST dialect against the catalogue of its document.
//
// It owns the catalogues (testdata, facts only: paths, fields, types, examples, answers), the requests made of their
// examples, the comparison of an answer with what is documented, and the bad requests that follow from the fields. It
// knows HTTP and the catalogues alone: no server, no method, no sandbox. What an operation must have done on the network
// is told by the tests that use it.
//
// Enter at Load, then Operation.Request, Operation.Compare and Operation.BadRequests. The catalogues are made by
//
//	go test ./server/rest/resttest -run TestCatalogues -update -contract <folder of the exact catalogues>
package resttest

// Package resttest compares a REST dialect, and the events of its webhooks, with the catalogue of its document.
//
// It owns the catalogues (testdata, facts only: paths, fields, types, examples, answers, events), the requests made of their
// examples, the comparison of an answer or an event with the documented one, and the bad requests that follow from the fields.
// It knows HTTP and the catalogues alone: no server, no method, no sandbox. Effects on the network are checked by the tests
// that use it.
//
// Enter at Load, then Operation.Request, Operation.Compare and Operation.BadRequests; or at LoadEvents, then Event.Compare
// and Event.FilledIn. The catalogues are made by
//
//	go test ./server/rest/resttest -run Catalogues -update -contract <folder of the exact catalogues>
package resttest

// Package shared has the requests and answers that the documents of several dialects have in the same form: object storages,
// the list of newsletters, and words for lifetimes, presences and contacts.
//
// It must not know a dialect: texts of errors are those of the field that has the value.
package shared

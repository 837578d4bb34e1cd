// Package openapicheck holds the OpenAPI documents of the REST dialects against the specification, with a validator that
// knows nothing of this project. It is a module of its own, so that the server does not depend on the validator. `make test` runs it.
package openapicheck

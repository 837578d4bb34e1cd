package rest

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func newRouter(t *testing.T, endpoints ...string) (*router, error) {
	t.Helper()
	var r router
	for _, e := range endpoints {
		method, path, _ := strings.Cut(e, " ")
		r.addRoute(method, path, http.NotFoundHandler())
	}
	return &r, r.buildTree()
}

func TestRouter(t *testing.T) {
	r, err := newRouter(t, "GET /a/stats", "GET /a/{id}", "POST /a/{id}/run", "GET /a/stats/day", "DELETE /a/{key}", "GET /b", "GET /b/{x}/{y}", "GET /b/one/{y}")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/a/stats": "/a/stats", "/a/7": "/a/{id}", "/a/st%61ts": "/a/stats", "/a/stats/run": "/a/{id}/run", "/a/7/day": "", "/a/stats/day": "/a/stats/day",
		"/a": "", "/a/": "", "/b/one/2": "/b/one/{y}", "/b/x%2Fy/2": "/b/{x}/{y}", "/b%2Fx/y": "", "/b/%zz/y": "",
	} {
		p, _ := r.matchPath(path)
		if p == nil {
			p = &routerPath{}
		}
		if p.path != want {
			t.Errorf("%s matches %q, want %q", path, p.path, want)
		}
	}
	for path, want := range map[string][]string{
		"/a/7": {"DELETE", "GET", "HEAD"}, "/a/stats": {"GET", "HEAD"}, "/a/stats/run": {"POST"}, "/a/7/day": nil, "/c": nil,
	} {
		got := r.allowedMethods(path)
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s allows %v, want %v", path, got, want)
		}
	}
}

func TestRouterRejectsAmbiguousPaths(t *testing.T) {
	for _, pair := range [][]string{
		{"GET /a/{id}", "GET /a/{name}"}, {"GET /a", "GET /a"}, {"GET /a/{x}/c", "GET /a/b/{y}"},
	} {
		if _, err := newRouter(t, pair...); err == nil {
			t.Errorf("%v is accepted", pair)
		}
	}
}

package rest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/julienschmidt/httprouter"
)

// router finds the handler of a method and path. It is httprouter with two additions: a literal segment may stand beside a
// parameter ("/dlq/stats" and "/dlq/{id}"), and the literal one alone decides which methods its path has.
type router struct {
	tree *httprouter.Router // of all methods
	// paths has the registered paths by their shape, in which parameters have no names.
	paths map[string]*routerPath
	order []*routerPath
	err   error // of add
}

// routerPath is a registered path with its methods.
type routerPath struct {
	path     string
	segments []string
	handlers map[string]pathHandler // by method
}

// pathHandler is the handler of one method. Documents name the same parameter differently under different methods.
type pathHandler struct {
	segments []string
	http.Handler
}

// parameter returns the name of a segment such as "{id}", or "" for a literal one.
func parameter(segment string) string {
	if strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}") {
		return segment[1 : len(segment)-1]
	}
	return ""
}

// addRoute registers a handler. Paths are matched after build.
func (t *router) addRoute(method, path string, handler http.Handler) {
	shape := pathParam.ReplaceAllString(path, "{}")
	segments := strings.Split(path[1:], "/")
	p := t.paths[shape]
	if p == nil {
		p = &routerPath{path, segments, map[string]pathHandler{}}
		if t.paths == nil {
			t.paths = map[string]*routerPath{}
		}
		t.paths[shape] = p
		t.order = append(t.order, p)
	}
	if _, taken := p.handlers[method]; taken {
		t.err = fmt.Errorf("%s %s is registered twice", method, path)
	}
	p.handlers[method] = pathHandler{segments, handler}
}

// lookup carries the paths of a matched pattern out of httprouter, which returns handles and not values.
type lookup struct {
	http.ResponseWriter
	candidates []*routerPath
}

// buildTree registers the paths with httprouter. httprouter rejects a literal beside a parameter, so both are registered as a
// parameter and share one pattern. It fails when two paths match the same request and neither is more specific.
func (t *router) buildTree() (err error) {
	if t.err != nil {
		return t.err
	}
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("%v", problem) // httprouter panics on patterns that it rejects
		}
	}()
	groups := map[string][]*routerPath{}
	generalizePaths(t.order, nil, func(p *routerPath, pattern string) { groups[pattern] = append(groups[pattern], p) })
	t.tree = httprouter.New()
	for pattern, group := range groups {
		for i, p := range group {
			for _, other := range group[:i] {
				if ambiguous(p, other) {
					return fmt.Errorf("%s and %s match the same requests", other.path, p.path)
				}
			}
		}
		slices.SortStableFunc(group, func(a, b *routerPath) int { return a.countParameters() - b.countParameters() })
		// One tree serves all methods; httprouter wants the name of one.
		t.tree.Handle(http.MethodGet, pattern, func(w http.ResponseWriter, _ *http.Request, _ httprouter.Params) {
			w.(*lookup).candidates = group
		})
	}
	return nil
}

// generalizePaths passes each path and its pattern to found. The paths have the same literal segments before len(pattern).
func generalizePaths(paths []*routerPath, pattern []string, found func(p *routerPath, pattern string)) {
	at := len(pattern)
	byLiteral, parameters := map[string][]*routerPath{}, false
	var deeper []*routerPath
	for _, p := range paths {
		if at == len(p.segments) {
			found(p, "/"+strings.Join(pattern, "/"))
			continue
		}
		deeper = append(deeper, p)
		parameters = parameters || parameter(p.segments[at]) != ""
		byLiteral[p.segments[at]] = append(byLiteral[p.segments[at]], p)
	}
	if parameters {
		generalizePaths(deeper, append(slices.Clip(pattern), fmt.Sprintf(":p%d", at)), found)
		return
	}
	for literal, same := range byLiteral {
		generalizePaths(same, append(slices.Clip(pattern), literal), found)
	}
}

func (p *routerPath) countParameters() (n int) {
	for _, segment := range p.segments {
		if parameter(segment) != "" {
			n++
		}
	}
	return n
}

// ambiguous reports whether two paths of the same length match a common request and neither is more specific.
func ambiguous(a, b *routerPath) bool {
	moreA, moreB := false, false
	for i := range a.segments {
		literalA, literalB := parameter(a.segments[i]) == "", parameter(b.segments[i]) == ""
		switch {
		case literalA && literalB && a.segments[i] != b.segments[i]:
			return false
		case literalA && !literalB:
			moreA = true
		case !literalA && literalB:
			moreB = true
		}
	}
	return moreA == moreB
}

// matchPath returns the most specific registered path that an escaped path has, and its unescaped segments; nil = there is none.
func (t *router) matchPath(path string) (*routerPath, []string) {
	segments, normal, ok := splitPath(path)
	if !ok {
		return nil, nil
	}
	handle, params, _ := t.tree.Lookup(http.MethodGet, normal)
	if handle == nil {
		return nil, nil
	}
	var found lookup
	handle(&found, nil, params)
	for _, p := range found.candidates {
		if p.matchesSegments(segments) {
			return p, segments
		}
	}
	return nil, nil
}

func (p *routerPath) matchesSegments(segments []string) bool {
	for i, segment := range p.segments {
		if parameter(segment) == "" && segment != segments[i] {
			return false
		}
	}
	return true
}

// allowedMethods lists the methods of an escaped path; nil = there is no such path. HEAD is answered by GET.
func (t *router) allowedMethods(path string) (methods []string) {
	if p, _ := t.matchPath(path); p != nil {
		for method := range p.handlers {
			methods = append(methods, method)
			if method == http.MethodGet {
				methods = append(methods, http.MethodHead)
			}
		}
	}
	return methods
}

// isPublic reports whether the route of a request needs no credential. The router has its method and path.
func (t *router) isPublic(r *http.Request) bool {
	p, _ := t.matchPath(r.URL.EscapedPath())
	handler, ok := p.handlers[r.Method]
	if !ok {
		handler = p.handlers[http.MethodGet] // of HEAD
	}
	h, ok := handler.Handler.(handlerOf)
	return !ok || h.route.opts.public
}

// serveRoute answers a request whose method and path the router has.
func (t *router) serveRoute(w http.ResponseWriter, r *http.Request) {
	p, segments := t.matchPath(r.URL.EscapedPath())
	handler, ok := p.handlers[r.Method]
	if !ok && r.Method == http.MethodHead {
		handler = p.handlers[http.MethodGet]
	}
	for i, segment := range handler.segments {
		if name := parameter(segment); name != "" {
			r.SetPathValue(name, segments[i])
		}
	}
	handler.ServeHTTP(w, r)
}

// slashes keeps escaped slashes apart from separators in the paths that httprouter compares.
var slashes = strings.NewReplacer("%", "%25", "/", "%2F")

// splitPath unescapes the segments of a path. normal is the path with one spelling for each character: only slashes within
// segments and percent signs are escaped.
func splitPath(path string) (segments []string, normal string, ok bool) {
	segments = strings.Split(strings.TrimPrefix(path, "/"), "/")
	if !strings.Contains(path, "%") {
		return segments, path, true
	}
	escaped := make([]string, len(segments))
	for i, segment := range segments {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			return nil, "", false
		}
		segments[i], escaped[i] = plain, slashes.Replace(plain)
	}
	return segments, "/" + strings.Join(escaped, "/"), true
}

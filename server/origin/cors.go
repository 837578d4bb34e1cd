package origin

import "net/http"

// Methods and headers that pages of other origins may use and read, beyond those that browsers always permit.
const (
	corsMethods = "GET, HEAD, POST, PUT, PATCH, DELETE"
	corsHeaders = "Authorization, Token, X-API-Key, Idempotency-Key, X-Request-Id, Content-Type, Content-Range, Digest, X-Content-SHA256, If-Match, If-None-Match, If-Range, Range, Last-Event-ID, Upload-Length, Upload-Offset"
	corsExposed = "Accept-Ranges, Content-Disposition, Content-Range, ETag, Location, Retry-After, Upload-Expires, Upload-Length, Upload-Offset, X-Request-Id"
	// corsMaxAge is how long a browser may cache the answer, in seconds.
	corsMaxAge = "600"
)

// Guard answers preflight requests and passes everything else to next, except requests of pages that are not
// permitted: those are passed to refuse.
func (l *List) Guard(next, refuse http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		if !l.Allows(r) {
			refuse.ServeHTTP(w, r)
			return
		}
		if page := r.Header.Get("Origin"); page != "" {
			w.Header().Set("Access-Control-Allow-Origin", page)
			w.Header().Set("Access-Control-Expose-Headers", corsExposed)
			if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
				w.Header().Set("Access-Control-Allow-Methods", corsMethods)
				w.Header().Set("Access-Control-Allow-Headers", corsHeaders)
				w.Header().Set("Access-Control-Max-Age", corsMaxAge)
				w.WriteHeader(http.StatusNoContent)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

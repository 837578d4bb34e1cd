package objectstore

import (
	"context"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/waystation/waystation/transports/kit/guard"
	"github.com/waystation/waystation/transports/kit/refusal"
)

// Delivery is the form in which events deliver a file.
type Delivery string

// The forms of delivery.
const (
	DeliveryBase64 Delivery = "base64" // in the event, if it is small enough; nothing is stored
	DeliveryURL    Delivery = "url"    // stored; the event has its address
	DeliveryBoth   Delivery = "both"
)

func (d Delivery) stores() bool { return d == DeliveryURL || d == DeliveryBoth }

// Inline reports whether the event should contain the file itself.
func (d Delivery) Inline() bool { return d == DeliveryBase64 || d == DeliveryBoth }

// Place identifies one of the storages of a file.
type Place string

// The places.
const (
	PlaceSession Place = "session" // the session's own storage
	PlaceGlobal  Place = "global"  // the operator's storage
)

// Masked replaces a key in results. As input it keeps the stored key.
const Masked = "***"

// Settings are the settings of one storage.
type Settings struct {
	Enabled       bool
	Endpoint      string // http or https address without a path; empty = AWS
	Region        string
	Bucket        string
	AccessKey     string
	SecretKey     string
	PathStyle     bool   // the bucket is part of the path, not of the host
	PublicURL     string // base of the addresses in events; empty = endpoint
	Delivery      Delivery
	RetentionDays int  // 0 = objects are kept
	DisableACL    bool // objects are not marked as public
	Updated       time.Time
}

// Change is a change of a storage's settings; nil fields stay unchanged.
type Change struct {
	Enabled       *bool
	Endpoint      *string
	Region        *string
	Bucket        *string
	AccessKey     *string
	SecretKey     *string
	PathStyle     *bool
	PublicURL     *string
	Delivery      *Delivery
	RetentionDays *int
	DisableACL    *bool
}

func (c *Change) apply(s *Settings) {
	set(&s.Enabled, c.Enabled)
	set(&s.Endpoint, c.Endpoint)
	set(&s.Region, c.Region)
	set(&s.Bucket, c.Bucket)
	setKey(&s.AccessKey, c.AccessKey)
	setKey(&s.SecretKey, c.SecretKey)
	set(&s.PathStyle, c.PathStyle)
	set(&s.PublicURL, c.PublicURL)
	set(&s.Delivery, c.Delivery)
	set(&s.RetentionDays, c.RetentionDays)
	set(&s.DisableACL, c.DisableACL)
	s.Endpoint, s.PublicURL = baseAddress(s.Endpoint), baseAddress(s.PublicURL)
	if s.Delivery == "s3" { // name of it in one of the documents
		s.Delivery = DeliveryURL
	}
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func setKey(to, from *string) {
	if from != nil && *from != Masked {
		*to = *from
	}
}

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// Check validates the settings and returns refusal.Problems or nil. Fields that only an enabled storage needs are
// required only if it is enabled.
func (s *Settings) Check() error {
	var bad refusal.Problems
	switch s.Delivery {
	case DeliveryBase64, DeliveryURL, DeliveryBoth:
	default:
		bad.Add("media_delivery", "is not base64, url or both")
	}
	if s.RetentionDays < 0 || s.RetentionDays > maxRetentionDays {
		bad.Add("retention_days", "is not between 0 and 36500")
	}
	if s.Bucket != "" && !bucketName.MatchString(s.Bucket) {
		bad.Add("bucket", "is not the name of a bucket: 3 to 63 lower-case letters, digits, dots and dashes")
	}
	if s.Endpoint != "" && !isBase(s.Endpoint, false) {
		bad.Add("endpoint", "is not an http or https address without path, query and credentials")
	}
	if s.PublicURL != "" && !isBase(s.PublicURL, true) {
		bad.Add("public_url", "is not an http or https address without query and credentials")
	}
	for _, text := range []struct{ field, value string }{
		{"endpoint", s.Endpoint}, {"region", s.Region}, {"access_key", s.AccessKey}, {"secret_key", s.SecretKey}, {"public_url", s.PublicURL},
	} {
		switch {
		case len(text.value) > maxField:
			bad.Add(text.field, "is longer than 1024 bytes")
		case strings.ContainsFunc(text.value, func(r rune) bool { return r < ' ' || r == 0x7f }):
			bad.Add(text.field, "has control characters")
		}
	}
	if s.Enabled {
		for _, needed := range []struct{ field, value string }{{"bucket", s.Bucket}, {"access_key", s.AccessKey}, {"secret_key", s.SecretKey}} {
			if needed.value == "" {
				bad.Add(needed.field, "is needed while enabled is true")
			}
		}
	}
	return bad.Err()
}

// operators returns the settings of the operator's storage with their defaults. The error is refusal.Problems.
func (s Settings) operators() (*Settings, error) {
	switch s.Delivery {
	case "":
		s.Delivery = DeliveryBoth
	case "s3":
		s.Delivery = DeliveryURL
	}
	s.Endpoint, s.PublicURL = baseAddress(s.Endpoint), baseAddress(s.PublicURL)
	return &s, s.Check()
}

// baseAddress returns a normalised address without a final slash, for appending paths.
func baseAddress(address string) string {
	return strings.TrimSuffix(guard.NormalizeOrKeep(address), "/")
}

func isBase(text string, path bool) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && u.RawQuery == "" &&
		u.Fragment == "" && (path || u.Path == "")
}

// check is Check and also checks whether the session may make the server request that address.
func (s *Storage) check(ctx context.Context, c *Settings) error {
	if err := c.Check(); err != nil || c.Endpoint == "" || s.cfg.Check == nil {
		return err
	}
	if err := s.cfg.Check(ctx, baseAddress(c.Endpoint)); err != nil {
		return refusal.Problems{{Field: "endpoint", Text: "may not be requested: it is not a public address, or has none"}}
	}
	return nil
}

// address returns the endpoint; without one, that of AWS.
func (s *Settings) address() string {
	if s.Endpoint == "" {
		return awsEndpoint
	}
	return s.Endpoint
}

func (s *Settings) region() string {
	if s.Region == "" {
		return defaultRegion
	}
	return s.Region
}

// url returns the address of an object.
func (s *Settings) url(object string) string {
	path := (&url.URL{Path: "/" + object}).EscapedPath()
	if s.PublicURL != "" {
		return s.PublicURL + path
	}
	base, err := url.Parse(s.address())
	if err != nil {
		return ""
	}
	if s.Endpoint == "" {
		base.Host = "s3." + s.region() + ".amazonaws.com"
	}
	if s.PathStyle {
		return base.Scheme + "://" + base.Host + "/" + s.Bucket + path
	}
	return base.Scheme + "://" + s.Bucket + "." + base.Host + path
}

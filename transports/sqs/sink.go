package sqs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/dispatch"
)

// Transport is the name of this kind of sink among the transports.
const Transport = "sqs"

// batchItems is how many messages SQS takes in a request.
const batchItems = 10

// Sink delivers to queues of one account, for any number of sessions. Its methods may be called concurrently.
type Sink struct {
	cfg      Config
	queue    broker.Pattern
	client   *sqs.Client
	http     *http.Client
	gatherer broker.Gatherer[*item]
	meter    broker.Meter

	mu   sync.Mutex
	urls map[string]string // of queues, by name
}

var _ dispatch.Sink = (*Sink)(nil)

// item is a message for a queue.
type item struct {
	url          string
	body         string
	group, dedup string // of FIFO queues
}

// Open makes a sink without contacting anything: a service that is away is no error, events wait for it. The error is that
// of Config.Validate, or names region or profile. End the sink with Close, after the dispatcher.
func Open(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Sink{cfg: cfg.withDefaults(), urls: map[string]string{}}
	var err error
	if s.queue, err = broker.ParsePattern(cfg.Queue); err != nil {
		return nil, err
	}
	if s.client, s.http, err = newClient(&s.cfg); err != nil {
		return nil, err
	}
	s.gatherer = broker.Gatherer[*item]{
		Run: s.sendBatch, Key: func(i *item) string { return i.url }, Size: func(i *item) (int, int) { return 1, len(i.body) },
		MaxItems: batchItems, MaxBytes: max(DefaultMaxBytes, s.cfg.MaxBytes), Parallel: s.cfg.Requests,
	}
	return s, nil
}

// Close ends the connections, after the running requests.
func (s *Sink) Close() error {
	s.gatherer.Close()
	s.http.CloseIdleConnections()
	return nil
}

// Stats returns the state and counts of the sink.
func (s *Sink) Stats() broker.Figures { return s.meter.Figures() }

// Deliver implements dispatch.Sink. Codes are HTTP statuses of failed requests.
func (s *Sink) Deliver(ctx context.Context, _ dispatch.Target, d *dispatch.Delivery) (int, error) {
	limited, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	truncated, err := s.deliverOne(limited, d)
	code, err := classify(err)
	s.meter.Attempted(ctx, truncated, err)
	return code, err
}

func (s *Sink) deliverOne(ctx context.Context, d *dispatch.Delivery) (truncated bool, err error) {
	name := s.queue.Expand(d.Event.Session, d.Event.Type)
	body, truncated := broker.Payload(d, s.cfg.MaxBytes)
	i := &item{}
	if isFIFO(name) {
		i.group, i.dedup = groupID(d.Event.Session), deduplicationID(d)
	}
	if i.url, err = s.queueURL(ctx, name); err != nil {
		return false, err
	}
	if err = s.putMessage(ctx, i, name, body); mayBeTooLarge(err) && !truncated { // the queue takes less than it may
		body, truncated = broker.Payload(d, 0)
		err = s.putMessage(ctx, i, name, body)
	}
	return truncated, err
}

// putMessage sends a message, once more if its queue is made anew.
func (s *Sink) putMessage(ctx context.Context, i *item, name string, body []byte) error {
	i.body = string(isPermitted(body))
	err := s.gatherer.Do(ctx, i)
	if !isMissingQueue(err) {
		return err
	}
	s.forgetQueue(name) // deleted, or lost by a server that forgets
	if !s.cfg.Create {
		return err
	}
	url, err := s.queueURL(ctx, name)
	if err != nil {
		return err
	}
	i.url = url
	return s.gatherer.Do(ctx, i)
}

// sendBatch makes a request of messages for one queue, or one for each where the service refuses all because of some, and returns
// the error of each.
func (s *Sink) sendBatch(batch []*item) []error {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Timeout)
	defer cancel()
	errs, err := s.sendRequest(ctx, batch)
	if len(batch) > 1 && mayConcernSome(err) {
		for n := range batch {
			alone, _ := s.sendRequest(ctx, batch[n:n+1])
			errs[n] = alone[0]
		}
	}
	return errs
}

// sendRequest sends messages in one request and returns the error of each, and the one that is of all.
func (s *Sink) sendRequest(ctx context.Context, batch []*item) (errs []error, err error) {
	in := &sqs.SendMessageBatchInput{QueueUrl: aws.String(batch[0].url), Entries: make([]types.SendMessageBatchRequestEntry, len(batch))}
	for n, i := range batch {
		in.Entries[n] = types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(n)), MessageBody: aws.String(i.body)}
		if i.group != "" {
			in.Entries[n].MessageGroupId, in.Entries[n].MessageDeduplicationId = aws.String(i.group), aws.String(i.dedup)
		}
	}
	out, err := s.client.SendMessageBatch(ctx, in)
	errs = make([]error, len(batch))
	for n := range errs {
		if errs[n] = err; err == nil {
			errs[n] = errNoAnswer
		}
	}
	if err != nil {
		return errs, err
	}
	set := func(id *string, err error) {
		if n, parseErr := strconv.Atoi(aws.ToString(id)); parseErr == nil && n >= 0 && n < len(errs) {
			errs[n] = err
		}
	}
	for _, ok := range out.Successful {
		set(ok.Id, nil)
	}
	for i := range out.Failed {
		set(out.Failed[i].Id, entryFailure(&out.Failed[i]))
	}
	return errs, nil
}

// isPermitted replaces the two characters that JSON allows and SQS does not.
func isPermitted(body []byte) []byte {
	for _, not := range []string{"\ufffe", "\uffff"} {
		if bytes.Contains(body, []byte(not)) {
			body = bytes.ReplaceAll(body, []byte(not), []byte("\ufffd"))
		}
	}
	return body
}

// groupName matches valid group ids.
var groupName = regexp.MustCompile(`^[!-~]{1,128}$`)

// groupID is the session, or a hash of a name that SQS does not take.
func groupID(session string) string {
	if groupName.MatchString(session) {
		return session
	}
	sum := sha256.Sum256([]byte(session))
	return hex.EncodeToString(sum[:])
}

// deduplicationID returns the event's id. Replays must arrive once more, although SQS still knows the id, and signals have none.
func deduplicationID(d *dispatch.Delivery) string {
	if !d.Replay && !d.Signal {
		return d.Event.ID
	}
	return d.Event.ID + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)
}

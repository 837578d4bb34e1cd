package sqs

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/brokertest"
)

// The response of SQS decides whether an event is at fault.
func TestAnswers(t *testing.T) {
	const url = "https://sqs.us-east-1.amazonaws.com/123456789012/way"
	for name, c := range map[string]struct {
		status     int
		body       string
		want, text string
		reason     broker.Reason
	}{
		"wrong key":    {403, `{"__type":"com.amazon.coral.service#UnrecognizedClientException","message":"The security token is invalid"}`, "unreachable", "access key", broker.ReasonCredentials},
		"wrong secret": {403, `{"__type":"com.amazon.coral.service#InvalidSignatureException","message":"s3cret"}`, "unreachable", "refuses the secret key", broker.ReasonCredentials},
		"no right":     {400, `{"__type":"com.amazon.coral.service#AccessDeniedException","message":"User: arn is not authorized"}`, "refused", "refuses the action", broker.ReasonCredentials},
		"throttled":    {400, `{"__type":"com.amazonaws.sqs#RequestThrottled","message":"slow down"}`, "retry", "slow down", broker.ReasonRefused},
		"broken":       {500, `{"__type":"InternalFailure","message":"oops"}`, "unreachable", "InternalFailure", broker.ReasonNotReady},
		"overloaded":   {503, `{"__type":"ServiceUnavailable"}`, "unreachable", "ServiceUnavailable", broker.ReasonNotReady},
		"nobody":       {503, ``, "unreachable", "503", broker.ReasonRefused},
		"clock":        {403, `{"__type":"RequestTimeTooSkewed","message":"x"}`, "unreachable", "clocks", broker.ReasonCredentials},
		"wrong URL":    {400, `{"__type":"com.amazonaws.sqs#InvalidAddress","message":"x"}`, "refused", "none of this endpoint", broker.ReasonMissing},
		"deleted":      {400, `{"__type":"com.amazonaws.sqs#QueueDeletedRecently","query":"AWS.SimpleQueueService.QueueDeletedRecently","message":"x"}`, "refused", "less than a minute", broker.ReasonMissing},
		"no key":       {400, `{"__type":"com.amazonaws.sqs#KmsDisabled","query":"KMS.DisabledException","message":"x"}`, "refused", "disabled", broker.ReasonMissing},
		"not SQS":      {502, `<html>Bad gateway</html>`, "unreachable", "502", broker.ReasonRefused},
		"entry":        {200, `{"Successful":[],"Failed":[{"Id":"0","SenderFault":true,"Code":"InvalidMessageContents","Message":"bad"}]}`, "permanent", "characters", broker.ReasonRefused},
		"silence":      {200, `{"Successful":[],"Failed":[]}`, "retry", "nothing", broker.ReasonRefused},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/x-amz-json-1.0")
				var named struct{ Query string } // as the protocol before calls it
				if _ = json.Unmarshal([]byte(c.body), &named); named.Query != "" {
					w.Header().Set("X-Amzn-Query-Error", named.Query+";Sender")
				}
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			}))
			defer server.Close()
			s := open(t, setup(url, server.URL))
			code, err := s.try(t, event("shop", 1))
			if brokertest.Meaning(err) != c.want || err == nil || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s: %v", brokertest.Meaning(err), err)
			}
			if want := c.status; want != 200 && code != want {
				t.Errorf("code %d, want %d", code, want)
			}
			if st := s.Stats(); st.Failed != 1 || st.LastError == "" || st.Reason != c.reason {
				t.Errorf("%+v", st)
			}
		})
	}
}

// A queue whose own limit is lower than that of the settings gets large events by reference.
func TestQueueTakesLess(t *testing.T) {
	server := brokertest.SQS(t)
	s := created(t, "small-{session}.fifo", server.URL())
	for _, session := range []string{"shop", "office"} {
		_, err := s.client.CreateQueue(t.Context(), &sqs.CreateQueueInput{
			QueueName: aws.String("small-" + session + ".fifo"), Attributes: map[string]string{"FifoQueue": "true", "MaximumMessageSize": "1024"},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	large := event("shop", 1)
	large.Event.Data = []byte(`{"text":"` + strings.Repeat("x", 2000) + `"}`)
	large.Body = large.Event.Body()
	s.must(t, large)
	s.must(t, event("shop", 2))
	var got []string
	brokertest.Eventually(t, "both", func() bool {
		for _, m := range s.receive(t, "small-shop.fifo") {
			got = append(got, *m.Body)
		}
		return len(got) == 2
	})
	if !strings.Contains(got[0], `"offset":1,`) || !strings.Contains(got[0], `"truncated":true`) || strings.Contains(got[1], "truncated") {
		t.Errorf("%s", got)
	}
	if st := s.Stats(); st.Truncated != 1 || st.Published != 2 || st.Failed != 0 {
		t.Errorf("%+v", st)
	}
}

// A service that refuses a whole request because of one message in it gets the others all the same.
func TestOneSpoilsARequest(t *testing.T) {
	var sizes []int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Entries []struct{ ID, MessageBody string }
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		sizes = append(sizes, len(in.Entries)) // one request at a time
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		var answer struct{ Successful, Failed []map[string]string }
		for _, e := range in.Entries {
			if e.MessageBody == "spoilt" {
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprint(w, `{"__type":"com.amazonaws.sqs#InvalidMessageContents","message":"x"}`)
				return
			}
			sum := md5.Sum([]byte(e.MessageBody))
			answer.Successful = append(answer.Successful, map[string]string{"Id": e.ID, "MessageId": e.ID, "MD5OfMessageBody": hex.EncodeToString(sum[:])})
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	defer server.Close()
	s := open(t, setup("way", server.URL))
	var batch []*item
	for _, body := range []string{"one", "spoilt", "three"} {
		batch = append(batch, &item{url: server.URL + "/1/way", body: body})
	}
	for n, err := range s.sendBatch(batch) {
		if _, err := classify(err); brokertest.Meaning(err) != []string{"delivered", "permanent", "delivered"}[n] {
			t.Errorf("%s: %v", batch[n].body, err)
		}
	}
	if !slices.Equal(sizes, []int{3, 1, 1, 1}) {
		t.Errorf("requests of %v messages", sizes)
	}
}

// A queue's URL says where the queue is, unless the settings or the environment name another place.
func TestPlaceOfURL(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	const aws = "https://sqs.eu-west-1.amazonaws.com/1/way-{session}"
	for name, c := range map[string]struct {
		queue, endpoint, environment string
		asks                         bool
	}{
		"URL":               {server.URL + "/1/way-{session}", "", "", true},
		"endpoint":          {aws, server.URL, "", true},
		"endpoint wins":     {server.URL + "/1/way", "http://127.0.0.1:1", "", false},
		"environment":       {aws, "", server.URL, true},
		"name":              {"way", "", "", false},
		"a host each event": {"http://{event_type}.invalid/1/way", "", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_ENDPOINT_URL", c.environment)
			cfg := setup(c.queue, c.endpoint)
			cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				if host, _, _ := net.SplitHostPort(address); host != "127.0.0.1" {
					return unnamed(ctx, network, address)
				}
				return (&net.Dialer{}).DialContext(ctx, network, address)
			}
			s := open(t, cfg)
			before := asked.Load()
			if _, err := s.try(t, event("shop", 1)); err == nil {
				t.Error("delivered")
			}
			if asks := asked.Load() > before; asks != c.asks {
				t.Errorf("asked %v, want %v", asks, c.asks)
			}
		})
	}
}

package sqs

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// queueURL is the address of a queue, asked for the first time and made if it may be.
func (s *Sink) queueURL(ctx context.Context, name string) (string, error) {
	if isHTTPAddress(name) {
		return name, nil
	}
	if !queueName.MatchString(name) {
		return "", errQueueName
	}
	s.mu.Lock()
	known := s.urls[name]
	s.mu.Unlock()
	if known != "" {
		return known, nil
	}
	url, err := s.lookupQueue(ctx, name)
	if isMissingQueue(err) && s.cfg.Create {
		url, err = s.createQueue(ctx, name)
	}
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.urls) >= s.cfg.MaxQueues {
		clear(s.urls)
	}
	s.urls[name] = url
	return url, nil
}

func (s *Sink) lookupQueue(ctx context.Context, name string) (string, error) {
	out, err := s.client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(name)})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.QueueUrl), nil
}

func (s *Sink) createQueue(ctx context.Context, name string) (string, error) {
	in := &sqs.CreateQueueInput{QueueName: aws.String(name)}
	if isFIFO(name) {
		in.Attributes = map[string]string{string(types.QueueAttributeNameFifoQueue): "true"}
	}
	out, err := s.client.CreateQueue(ctx, in)
	if err != nil {
		return "", err
	}
	return aws.ToString(out.QueueUrl), nil
}

func (s *Sink) forgetQueue(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.urls, name)
}

// Report is the result of a connection test.
type Report struct {
	Queue       string // URL or name; of a pattern with the session that was asked for
	QueueExists bool
	Took        time.Duration
}

// Test asks for the queue of a session's events, with the right to GetQueueUrl for a name and GetQueueAttributes for a URL. A queue that is not
// there is an error unless its name differs by session or event or it may be made. Nothing is made or sent.
func (s *Sink) Test(ctx context.Context, session string) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	began := time.Now()
	r := Report{Queue: s.queue.Expand(session, "Message")}
	var err error
	if isHTTPAddress(r.Queue) {
		_, err = s.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
			QueueUrl: aws.String(r.Queue), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn},
		})
	} else {
		_, err = s.lookupQueue(ctx, r.Queue)
	}
	r.QueueExists = err == nil
	if isMissingQueue(err) && (s.cfg.Create || s.queue.BySession() || s.queue.ByEvent()) {
		err = nil
	}
	r.Took = time.Since(began)
	_, err = classify(err)
	s.meter.Checked(err)
	return r, err
}

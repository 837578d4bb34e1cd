package sqs

import (
	"context"
	"net"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go/logging"

	"github.com/waystation/waystation/transports/kit/refusal"
)

// newClient makes a client. Nothing is contacted yet.
func newClient(cfg *Config) (*sqs.Client, *http.Client, error) {
	// In the SDK's own form, which takes AWS_CA_BUNDLE; the chain of credentials uses it too.
	builder := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.DialContext = (&net.Dialer{Timeout: cfg.Timeout}).DialContext
		if cfg.Dial != nil {
			t.DialContext = cfg.Dial
			t.Proxy = nil // a proxy would reach addresses that Dial rejects
		}
		t.TLSHandshakeTimeout = cfg.Timeout
		t.MaxIdleConnsPerHost, t.MaxConnsPerHost = cfg.Requests, cfg.Requests+2 // for a test and the URL of a queue
	})
	metadata := imds.ClientDisabled
	if cfg.InstanceMetadata {
		metadata = imds.ClientEnabled
	}
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(builder), config.WithEC2IMDSClientEnableState(metadata),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		config.WithLogger(logging.Nop{}), // failures are returned as errors
	}
	if cfg.Region != "" {
		options = append(options, config.WithRegion(cfg.Region))
	}
	if cfg.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(cfg.Profile))
	}
	if cfg.AccessKey != "" {
		options = append(options, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(cfg.AccessKey, cfg.SecretKey, cfg.SessionToken)))
	}
	ctx, cancel := context.WithTimeout(context.Background(), cfg.Timeout)
	defer cancel()
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil { // the error may contain file names and contents
		return nil, nil, refusal.Problems{{Field: "profile", Text: "cannot be read from the shared files or the environment"}}
	}
	if loaded.Region == "" {
		return nil, nil, refusal.Problems{{Field: "region", Text: "is given neither here nor by the environment"}}
	}
	if b, ok := loaded.HTTPClient.(*awshttp.BuildableClient); ok { // with the bundle
		builder = b
	}
	// In the form of the standard library, which follows no redirects and can be closed.
	client := &http.Client{
		Transport:     builder.GetTransport(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return sqs.NewFromConfig(loaded, func(o *sqs.Options) {
		o.HTTPClient = client
		switch at := place(cfg.Queue); {
		case cfg.Endpoint != "":
			o.BaseEndpoint = aws.String(cfg.Endpoint)
		case at != "" && o.BaseEndpoint == nil: // the environment may name one
			o.BaseEndpoint = aws.String(at)
		}
	}), client, nil
}

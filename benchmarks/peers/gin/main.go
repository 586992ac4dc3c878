// The sample call as a Go gin service has it: middlewares, a pooled client, typed JSON, three log lines.
// Built with Debian's golang-go and golang-github-gin-gonic-gin-dev; it tells how far away another language is.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	callTimeout     = 15 * time.Second
	providerTimeout = 5 * time.Second
	correlation     = "activityid"
	apiTo           = "api/rates/v1.0/latest/{base}"
)

var (
	currency      = regexp.MustCompile(`^[A-Z]{3}$`)
	safe          = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
	secretFields  = regexp.MustCompile(`(?i)("(?:password|passwd|pwd|secret|token|accessToken|refreshToken|apiKey|pin|otp|cvv|cardNumber)"\s*:\s*)"[^"]*"`)
	secretHeaders = map[string]bool{"authorization": true, "cookie": true, "set-cookie": true, "x-srv-token": true, "x-api-key": true}
)

// rates keeps every number as it was written: no float on the way.
type rates struct {
	Base  string                 `json:"base"`
	Rates map[string]json.Number `json:"rates"`
}

type failure struct {
	status        int
	code, message string
}

var (
	unauthenticated = failure{401, "unauthenticated", "This operation needs a valid credential."}
	invalid         = failure{422, "invalid_input", "The input does not fit the operation."}
	timedOut        = failure{504, "provider_timeout", "The provider did not answer in time."}
	unreachable     = failure{502, "provider_unreachable", "The provider could not be reached."}
	refused         = failure{502, "provider_failed", "The provider answered with an error."}
	malformed       = failure{502, "provider_malformed", "The provider's answer could not be read."}
	internal        = failure{500, "internal", "Something went wrong."}
)

// lines is a log file: one write for each line.
type lines struct {
	mutex sync.Mutex
	file  *os.File
}

func opened(folder, name string) *lines {
	must(os.MkdirAll(folder, 0o750))
	file, err := os.OpenFile(filepath.Join(folder, name), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	must(err)
	return &lines{file: file}
}

func (l *lines) tell(line string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	_, _ = l.file.WriteString(line)
}

type record struct {
	Headers         []string `json:"headers"`
	SourceIP        string   `json:"sourceIP,omitempty"`
	Payload         string   `json:"payload"`
	Verb            string   `json:"verb"`
	CorrelationID   string   `json:"correlationId"`
	StatusCode      int      `json:"statusCode,omitempty"`
	APITo           string   `json:"apiTo"`
	Flow            string   `json:"flow"`
	Endpoint        string   `json:"endpoint"`
	EndpointName    string   `json:"endpointName"`
	EndpointCompany string   `json:"endpointCompany"`
	APIName         string   `json:"apiName"`
}

type market struct {
	address     string
	client      *http.Client
	access, api *lines
}

func (m *market) write(r record) {
	r.Verb, r.APITo, r.EndpointName, r.EndpointCompany, r.APIName = "GET", apiTo, "market", "market", "exchangeRates"
	told, _ := json.Marshal(r)
	m.api.tell(fmt.Sprintf("[%s] INFO {API_LOG} %s\n", time.Now().Format("2006-01-02 15:04:05,000"), told))
}

func shown(headers http.Header) []string {
	told := make([]string, 0, len(headers))
	for name, values := range headers {
		value := strings.Join(values, ", ")
		if secretHeaders[strings.ToLower(name)] {
			value = "***"
		}
		told = append(told, name+"="+value)
	}
	return told
}

func (m *market) ask(ctx context.Context, call, source, base string) (*rates, *failure) {
	ctx, cancel := context.WithTimeout(ctx, providerTimeout)
	defer cancel()
	url := m.address + "/latest/" + base
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, &internal
	}
	request.Header = http.Header{"Accept": {"application/json"}, correlation: {call}}
	m.write(record{Headers: shown(request.Header), SourceIP: source, CorrelationID: call, Flow: "REQUEST_OUT_PI", Endpoint: url})
	response, err := m.client.Do(request)
	var body []byte
	if err == nil {
		defer response.Body.Close()
		body, err = io.ReadAll(io.LimitReader(response.Body, 2<<20))
	}
	if err != nil {
		wrong := &unreachable
		if errors.Is(err, context.DeadlineExceeded) {
			wrong = &timedOut
		}
		m.write(record{Headers: []string{}, CorrelationID: call, Flow: "RESPONSE_IN_PI", Endpoint: url, StatusCode: wrong.status})
		return nil, wrong
	}
	payload := secretFields.ReplaceAllString(string(body), `$1"***"`)
	m.write(record{Headers: shown(response.Header), Payload: payload, CorrelationID: call, Flow: "RESPONSE_IN_PI", Endpoint: url, StatusCode: response.StatusCode})
	if response.StatusCode != http.StatusOK {
		return nil, &refused
	}
	var found rates
	reading := json.NewDecoder(bytes.NewReader(body))
	reading.UseNumber()
	if reading.Decode(&found) != nil || found.Base == "" {
		return nil, &malformed
	}
	return &found, nil
}

func fail(c *gin.Context, wrong *failure) {
	c.AbortWithStatusJSON(wrong.status, gin.H{
		"error":         gin.H{"code": wrong.code, "message": wrong.message},
		"correlationId": c.GetString(correlation),
	})
}

func correlated(c *gin.Context) {
	call := c.GetHeader(correlation)
	if !safe.MatchString(call) {
		random := make([]byte, 16)
		_, _ = rand.Read(random)
		call = hex.EncodeToString(random)
	}
	c.Set(correlation, call)
	c.Header(correlation, call)
	c.Next()
}

func (m *market) told(c *gin.Context) {
	start := time.Now()
	c.Next()
	m.access.tell(fmt.Sprintf("[PI] %s | %3d | %9s | %15s | %-7s %s | %s | %s\n",
		start.Format("2006/01/02 - 15:04:05"), c.Writer.Status(), time.Since(start), c.ClientIP(), c.Request.Method,
		c.Request.URL.RequestURI(), c.GetString(correlation), c.GetString("consumer")))
}

func recovered(c *gin.Context) {
	defer func() {
		if recover() != nil {
			fail(c, &internal)
		}
	}()
	c.Next()
}

func authenticated(digest [32]byte) gin.HandlerFunc {
	return func(c *gin.Context) {
		given := sha256.Sum256([]byte(c.GetHeader("x-srv-token")))
		if subtle.ConstantTimeCompare(given[:], digest[:]) != 1 {
			fail(c, &unauthenticated)
			return
		}
		c.Set("consumer", "bench")
		c.Next()
	}
}

func (m *market) latest(c *gin.Context) {
	base := c.Param("base")
	if !currency.MatchString(base) || len(c.Request.URL.RawQuery) > 0 {
		fail(c, &invalid)
		return
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), callTimeout)
	defer cancel()
	found, wrong := m.ask(ctx, c.GetString(correlation), c.ClientIP(), base)
	if wrong != nil {
		fail(c, wrong)
		return
	}
	c.JSON(http.StatusOK, gin.H{"data": found, "correlationId": c.GetString(correlation)})
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	port := flag.Int("port", 0, "")
	provider := flag.String("provider", "", "")
	token := flag.String("token", "", "")
	logs := flag.String("logs", "", "")
	flag.Parse()
	m := &market{
		address: *provider,
		client:  &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}},
		access:  opened(*logs, "access.log"),
		api:     opened(*logs, "api.log"),
	}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(correlated, m.told, recovered, authenticated(sha256.Sum256([]byte(*token))))
	router.GET("/api/rates/v1.0/latest/:base", m.latest)
	must(http.ListenAndServe(fmt.Sprintf("127.0.0.1:%d", *port), router))
}

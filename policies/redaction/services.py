"""Kinds of secrets of chat, paging, monitoring, payment, mail and advertising services.

Sources are named as in `clouds.py`.
"""

from policies.redaction.kinds import Kind

_UUID = "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"

CHAT = (
    Kind(
        "Slack token",
        ("xox", "xapp-"),
        r"(?<![A-Za-z0-9])x(?:ox[a-z](?:\.xox[a-z])?|app)-[A-Za-z0-9-]{8,500}",
        "Slack: token types",
    ),
    Kind(
        "Slack webhook",
        ("hooks.slack.com/", "hooks.slack-gov.com/"),
        r"hooks\.slack(?:-gov)?\.com/[A-Za-z0-9/_-]{8,300}",
        "Slack: incoming webhooks",
    ),
    Kind(
        "Discord token",
        (),
        r"(?<![A-Za-z0-9_.-])[MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6,7}\.[A-Za-z0-9_-]{27,45}"
        r"(?![A-Za-z0-9_.-])",
        "Discord: bot token structure",
    ),
    Kind(
        "Discord webhook",
        ("/api/webhooks/",),
        r"discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/\d{10,25}/[A-Za-z0-9_-]{20,100}",
        "Discord: webhooks",
    ),
    Kind(
        "Telegram token",
        (":aa",),
        r"(?<![0-9])\d{8,10}:AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])",
        "Telegram: bot API",
    ),
    Kind(
        "Teams webhook",
        (".webhook.office.com/", "outlook.office.com/webhook/"),
        r"(?:webhook\.office\.com/webhookb2|outlook\.office\.com/webhook)/[A-Za-z0-9@/_-]{30,300}",
        "gitleaks microsoft-teams-webhook",
    ),
    Kind(
        "incoming webhook",
        ("hooks.zapier.com/", "maker.ifttt.com/", "hook.", "/hooks/"),
        r"(?:hooks\.zapier\.com/hooks/catch|maker\.ifttt\.com/trigger/[^/\s]{1,80}/with/key"
        r"|hook\.(?:[a-z0-9]{2,5}\.)?make\.com|(?<=[a-z0-9])/hooks(?=/[a-z0-9]{26}(?![A-Za-z0-9])))"
        r"/([A-Za-z0-9/_-]{10,120})",
        "Zapier, IFTTT, Make and Mattermost: incoming webhooks",
    ),
    Kind(
        "Linear key",
        ("lin_api_", "lin_oauth_"),
        r"lin_(?:api|oauth)_[A-Za-z0-9]{32,64}",
        "gitleaks linear-api-key",
    ),
    Kind(
        "Notion token",
        ("ntn_", "secret_"),
        r"(?:ntn_[A-Za-z0-9]{40,60}|secret_[A-Za-z0-9]{43}(?![A-Za-z0-9]))",
        "Notion: token formats",
    ),
    Kind("Figma token", ("figd_",), r"figd_[A-Za-z0-9_-]{40,60}", "Figma: personal access tokens"),
    Kind(
        "Airtable token",
        ("pat",),
        r"(?<![A-Za-z0-9])pat[A-Za-z0-9]{14}\.[a-f0-9]{64}",
        "Airtable: tokens",
    ),
    Kind("HubSpot token", ("pat-",), rf"pat-(?:na|eu|ap)\d-{_UUID}", "HubSpot: private apps"),
    Kind("Contentful token", ("cfpat-",), r"CFPAT-[A-Za-z0-9_-]{43}", "Contentful: tokens"),
    Kind(
        "Dropbox token",
        ("sl.",),
        r"(?<![A-Za-z0-9.])sl\.[A-Za-z0-9_=-]{130,400}",
        "gitleaks dropbox",
    ),
    Kind(
        "Mapbox token",
        ("sk.ey", "tk.ey"),
        r"[st]k\.eyJ[A-Za-z0-9_-]{20,300}\.[A-Za-z0-9_-]{20,60}",
        "Mapbox: tokens",
    ),
)

WATCH = (
    Kind(
        "PagerDuty key",
        ("events.pagerduty.com/", "pdt_"),
        r"(?:events\.pagerduty\.com/(?:integration|x-ere)/([A-Za-z0-9]{20,40})|pdt_[A-Za-z0-9_-]{20,60})",
        "PagerDuty: events API",
    ),
    Kind(
        "PagerDuty key",
        ("token token=",),
        r"(?i)token token=\"?([A-Za-z0-9_+-]{16,40})",
        "PagerDuty: REST API",
    ),
    Kind(
        "Opsgenie key",
        ("geniekey",),
        rf"(?i)geniekey[\s:=\"']{{1,4}}({_UUID})",
        "Opsgenie: alert API",
    ),
    Kind(
        "Sentry token",
        ("sntrys_", "sntryu_"),
        r"sntry(?:s_[A-Za-z0-9+/=_-]{60,400}|u_[a-f0-9]{64})",
        "gitleaks sentry-org-token, sentry-user-token",
    ),
    Kind(
        "Sentry DSN",
        (".sentry.io", "@sentry."),
        r"https?://([a-f0-9]{32}(?::[a-f0-9]{32})?)@[\w.-]{0,60}sentry\.[a-z.]{2,20}",
        "Sentry: DSN",
    ),
    Kind(
        "New Relic key",
        ("nrak-", "nrii-", "nrjs-", "nrra-", "nral"),
        r"(?:NR(?:AK|RA)-[A-Z0-9]{27,42}|NRII-[A-Za-z0-9_-]{32}|NRJS-[a-f0-9]{19}"
        r"|(?<![A-Za-z0-9])(?:[a-f0-9]{36}|[a-z]{2}\d{2}xx[a-f0-9]{30})(?:FF)?[a-f0-9]{0,4}NRAL)",
        "New Relic: API keys; gitleaks new-relic-user-api-key",
    ),
    Kind(
        "Grafana token",
        ("glsa_", "glc_", "eyjrijoi"),
        r"(?:glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}|glc_[A-Za-z0-9+/]{32,400}={0,3}"
        r"|eyJrIjoi[A-Za-z0-9+/_-]{60,400}={0,3})",
        "gitleaks grafana-service-account-token, grafana-cloud-api-token, grafana-api-key",
    ),
    Kind(
        "Honeycomb key",
        ("hcaik_", "hcbik_", "hcamk_"),
        r"hc[ab][im]k_[A-Za-z0-9_]{30,80}",
        "Honeycomb: keys",
    ),
    Kind(
        "Splunk token",
        ("splunk ",),
        rf"(?i)splunk[\s:]{{1,3}}({_UUID})",
        "Splunk: HTTP event collector",
    ),
    Kind(
        "Dynatrace token",
        ("dt0",),
        r"dt0[a-z]\d{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}",
        "Dynatrace: token format",
    ),
    Kind(
        "vendor key",
        (
            "datadog",
            "dd_api_key",
            "dd_app_key",
            "dd-api",
            "dd-app",
            "newrelic",
            "new_relic",
            "pagerduty",
            "routing_key",
            "twilio",
            "fastly",
            "heroku",
            "cloudflare",
            "cf_api",
            "algolia",
            "asana",
            "bitbucket",
            "okta",
            "auth0",
            "snyk",
            "rollbar",
            "bugsnag",
            "opsgenie",
            "honeycomb",
            "logzio",
            "papertrail",
            "statuspage",
            "zendesk",
            "intercom",
            "mailjet",
            "postmark",
            "travis",
            "codecov",
            "vercel",
            "linode",
            "hetzner",
            "scaleway",
            "vultr",
            "cohere",
            "mixpanel",
            "segment_write",
            "launchdarkly",
            "split_io",
            "airbrake",
            "sumologic",
            "coralogix",
            "confluent",
            "coinbase",
            "facebook",
            "twitter",
            "linkedin",
            "google_ads",
            "tiktok",
            "criteo",
            "adroll",
            "amplitude",
            "sendbird",
            "jira",
            "confluence",
            "squarespace",
        ),
        r"(?i)(?:datadog|dd[_-](?:api|app)|new_?relic|pagerduty|routing|twilio|fastly|heroku"
        r"|cloudflare|cf_api|algolia|asana|bitbucket|okta|auth0|snyk|rollbar|bugsnag|opsgenie"
        r"|honeycomb|logzio|papertrail|statuspage|zendesk|intercom|mailjet|postmark|travis|codecov"
        r"|vercel|linode|hetzner|scaleway|vultr|cohere|mixpanel|segment_write|launchdarkly|split_io"
        r"|airbrake|sumologic|coralogix|confluent|coinbase|facebook|twitter|linkedin|google_ads"
        r"|tiktok|criteo|adroll|amplitude|sendbird|jira|confluence|squarespace)"
        r"(?:[\w.-]{0,24}(?:key|token|secret|auth|sid|pat|jwt)[\w.-]{0,12})"
        r"[\s\"'`]{0,3}(?:=>|:=|[:=,])[\s\"'`=]{0,4}"
        r"(?=[\w=+/-]{0,120}[0-9])([A-Za-z0-9_=+/-]{15,120})",
        "gitleaks: the vendors whose keys have no form of their own stand beside their name",
    ),
)

MONEY = (
    Kind(
        "Stripe key",
        ("sk_live_", "sk_test_", "rk_live_", "rk_test_", "pk_live_", "sk_prod_", "whsec_"),
        r"(?:[srp]k_(?:live|test|prod)_[A-Za-z0-9]{10,200}|whsec_[A-Za-z0-9+/]{24,80}={0,2})",
        "Stripe: API keys and webhook signatures",
    ),
    Kind(
        "Square token",
        ("sq0", "eaaa"),
        r"(?:sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,43}|(?<![A-Za-z0-9])EAAA[A-Za-z0-9_+=-]{56,80})",
        "gitleaks square-access-token",
    ),
    Kind(
        "Braintree token",
        ("access_token$",),
        r"access_token\$(?:production|sandbox)\$[0-9a-z]{12,20}\$[0-9a-f]{32}",
        "PayPal Braintree: access tokens",
    ),
    Kind(
        "PayPal secret",
        ("paypal",),
        r"(?i)paypal[\w.-]{0,24}(?:secret|key|token)[\s\"'`]{0,3}[:=][\s\"'`]{0,3}([A-Za-z0-9_-]{20,120})",
        "PayPal: REST credentials",
    ),
    Kind(
        "Shopify token",
        ("shpat_", "shpca_", "shppa_", "shpss_"),
        r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",
        "gitleaks shopify",
    ),
    Kind(
        "Plaid token",
        ("access-sandbox-", "access-development-", "access-production-"),
        rf"access-(?:sandbox|development|production)-{_UUID}",
        "gitleaks plaid-api-token",
    ),
    Kind("Razorpay key", ("rzp_",), r"rzp_(?:live|test)_[A-Za-z0-9]{14,24}", "Razorpay: API keys"),
    Kind(
        "Flutterwave key",
        ("flwseck",),
        r"FLWSECK(?:_TEST)?-[A-Za-z0-9]{12,40}(?:-X)?",
        "gitleaks flutterwave",
    ),
    Kind(
        "Adyen key",
        ("aqe",),
        r"(?<![A-Za-z0-9])AQE[A-Za-z0-9+/]{40,200}={0,2}-[A-Za-z0-9+/=]{30,60}-[!-~]{10,20}",
        "Adyen: API keys",
    ),
)

MAIL = (
    Kind(
        "SendGrid key",
        ("sg.",),
        r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}",
        "SendGrid: API keys",
    ),
    Kind(
        "Mailgun key",
        (),
        r"(?:key-[0-9a-f]{32}|(?<![0-9a-f])[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}(?![0-9a-f-]))",
        "gitleaks mailgun-private-api-token, mailgun-signing-key",
    ),
    Kind(
        "Mailchimp key",
        ("-us",),
        r"(?<![0-9a-f])[0-9a-f]{32}-us\d{1,2}(?!\d)",
        "Mailchimp: API keys",
    ),
    Kind(
        "Mandrill key",
        ("md-",),
        r"(?<![A-Za-z0-9])md-(?=[A-Za-z_-]{0,40}\d)[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])",
        "Mandrill: API keys",
    ),
    Kind(
        "Brevo key",
        ("xkeysib-", "xsmtpsib-"),
        r"x(?:key|smtp)sib-[a-f0-9]{64}-[A-Za-z0-9]{16}",
        "gitleaks sendinblue-api-token",
    ),
    Kind(
        "Resend key",
        ("re_",),
        r"(?<![A-Za-z0-9])re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,30}",
        "Resend: API keys",
    ),
    Kind(
        "Twilio key",
        ("sk",),
        r"(?<![A-Za-z0-9])SK[0-9a-f]{32}(?![A-Za-z0-9])",
        "gitleaks twilio-api-key",
    ),
    Kind(
        "Klaviyo key",
        ("pk_",),
        r"(?<![A-Za-z0-9])pk_[a-f0-9]{34}(?![A-Za-z0-9])",
        "Klaviyo: private keys",
    ),
)

ADVERTISING = (
    Kind(
        "Meta token",
        ("eaa",),
        r"(?<![A-Za-z0-9])EAA[A-Za-z0-9]{80,400}",
        "gitleaks facebook-page-access-token",
    ),
    Kind(
        "X token",
        ("aaaaaaaaaaaaaaaaaaaa",),
        r"(?<![A-Za-z0-9])A{20,24}[A-Za-z0-9%]{60,120}",
        "gitleaks twitter-bearer-token",
    ),
    Kind(
        "LinkedIn secret",
        ("wpl_ap",),
        r"WPL_AP\d\.[A-Za-z0-9_.=-]{14,60}",
        "LinkedIn: client secrets",
    ),
)

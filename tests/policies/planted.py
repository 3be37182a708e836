"""Secrets of many kinds, drawn anew, in the places where they leak; nothing here opens anything.

A form is written with its parts apart (`xox|b-`), so that no file of the repository holds anything
that looks like a key. `{h32}` draws 32 hex digits, `«…»` marks the secret within its place.
"""

import base64
import json
import random
import re
import string
from dataclasses import dataclass
from urllib.parse import quote

HEX = "0123456789abcdef"
LETTERS = string.ascii_letters
DRAWN = {
    "a": LETTERS + string.digits,
    "h": HEX,
    "u": string.ascii_uppercase + string.digits,
    "l": string.ascii_lowercase + string.digits,
    "d": string.digits,
    "w": LETTERS + string.digits + "_-",
    "b": LETTERS + string.digits + "+/",
    "t": LETTERS,
    "p": LETTERS + string.digits + "!#%*-_.",
    "q": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
}
_PART = re.compile(r"\{([a-z])(\d+)\}")
_UUID = "{h8}-{h4}-{h4}-{h4}-{h12}"

# Forms that say by themselves what they are: they are looked for in any place.
FORMS = {
    "AWS access key": "AKI|A{u16}",
    "AWS temporary key": "ASI|A{u16}",
    "AWS session token": "IQoJb3JpZ2lu|{b200}",
    "AWS MWS key": f"amzn.mws.|{_UUID}",
    "Google API key": "AIz|a{w35}",
    "Google OAuth token": "ya29|.{w120}",
    "Google client secret": "GOCSPX|-{w28}",
    "Google refresh token": "1//|0{w60}",
    "Azure client secret": "{a3}8Q|~{a33}",
    "Alibaba key": "LTA|I{a20}",
    "DigitalOcean token": "dop_v|1_{h64}",
    "Heroku key": "HRKU|-AA{w58}",
    "Cloudflare origin key": "v1.0|-{h24}-{h146}",
    "Fly token": "fo1|_{w43}",
    "Netlify token": "nf|p_{a36}",
    "PlanetScale token": "pscale_tkn|_{w43}",
    "Databricks token": "dap|i{h32}",
    "Doppler token": "dp.p|t.{a43}",
    "Pulumi token": "pu|l-{h40}",
    "Terraform token": "{a14}.atlas|v1.{w65}",
    "Vault token": "hv|s.{w90}",
    "old Vault token": "s|.{a23}7",
    "GitHub token": "gh|p_{a36}",
    "GitHub app token": "gh|s_{a36}",
    "GitHub fine-grained token": "github_|pat_{a22}_{a59}",
    "GitLab token": "glpa|t-{w20}",
    "GitLab runner token": "GR13489|41{w20}",
    "Bitbucket token": "ATB|B{a32}",
    "Atlassian token": "ATAT|T3{w186}",
    "npm token": "np|m_{a36}",
    "package index token": "pypi|-AgEIcHlwaS5vcmc{w150}",
    "RubyGems key": "rubygem|s_{h48}",
    "NuGet key": "oy|2{l43}",
    "Docker token": "dckr_|pat_{w27}",
    "Artifactory key": "AKC|p{a69}",
    "CircleCI token": "CCIPA|T_{a22}_{h40}",
    "Sonar token": "sq|p_{h40}",
    "Hugging Face token": "h|f_{t34}",
    "OpenAI key": "s|k-proj-{w60}1",
    "Anthropic key": "sk-|ant-api03-{w93}",
    "Replicate token": "r|8_{a37}",
    "Groq key": "gs|k_{a52}",
    "Slack bot token": "xox|b-{d12}-{d13}-{a24}",
    "Slack app token": "xap|p-1-A{u10}-{d13}-{h64}",
    "Slack webhook": "https://hooks.sl|ack.com/services/T{u8}/B{u8}/{a24}",
    "Discord token": "M{a23}.{a6}.{w38}",
    "Discord webhook": "https://disc|ord.com/api/webhooks/{d18}/{w68}",
    "Telegram token": "{d10}:A|A{w33}",
    "Teams webhook": f"https://a.webhook.off|ice.com/webhookb2/{_UUID}@{_UUID}/Incoming/{{h32}}",
    "Zapier webhook": "https://hooks.za|pier.com/hooks/catch/{d7}/«{l16}»",
    "Linear key": "lin_|api_{a40}",
    "Notion token": "nt|n_{a46}",
    "Figma token": "fig|d_{w40}",
    "Airtable token": "pa|t{a14}.{h64}",
    "HubSpot token": f"pat-|eu1-{_UUID}",
    "PagerDuty webhook": "https://events.pager|duty.com/integration/«{h32}»/enqueue",
    "Sentry token": "sntry|u_{h64}",
    "Sentry DSN": "https://«{h32}»@o{d6}.ingest.sen|try.io/{d7}",
    "New Relic key": "NRA|K-{u27}",
    "New Relic license key": "{h36}NRA|L",
    "Grafana token": "gls|a_{a32}_{h8}",
    "Grafana Cloud token": "gl|c_{b80}",
    "Dynatrace token": "dt0c|01.{u24}.{u64}",
    "Stripe key": "sk_li|ve_{a24}",
    "Stripe webhook secret": "whse|c_{a32}",
    "Square token": "sq0at|p-{w22}",
    "Braintree token": "access_tok|en$production${l16}${h32}",
    "Shopify token": "shpa|t_{h32}",
    "Plaid token": f"access-prod|uction-{_UUID}",
    "Razorpay key": "rzp_li|ve_{a14}",
    "SendGrid key": "S|G.{w22}.{w43}",
    "Mailgun key": "ke|y-{h32}",
    "Mailchimp key": "{h32}-u|s12",
    "Brevo key": "xkey|sib-{h64}-{a16}",
    "Resend key": "r|e_{a8}_{a24}",
    "Twilio key": "S|K{h32}",
    "Meta token": "EA|AM{a150}",
    "age key": "AGE-SECRET|-KEY-1{q58}",
    "JSON web token": "ey|J{a40}.ey|J{w120}.{w43}",
    "password hash": "$2|b$12${a53}",
    "random base64": "{b43}",
    "random letters and digits": "{a40}",
}
# Secrets known by where they stand.
PLACES = {
    "AWS secret key": "aws_secret_access_key = «{b40}»",
    "Azure storage key": "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=«{b86}==»;",
    "Azure SAS": "https://shop.blob.core.windows.net/c/f?sv=2022-11-02&sp=r&sig=«{a43}%3D»",
    "AWS signed URL": "https://s3.eu.amazonaws.com/b/k?X-Amz-Expires=60&X-Amz-Signature=«{h64}»",
    "Datadog key": "DD_API_KEY=«{h32}»",
    "Twilio auth token": "twilio auth_token: «{h32}»",
    "Fastly key": "FASTLY_API_TOKEN=«{w32}»",
    "PagerDuty header": "Authorization: Token token=«{a20}»",
    "PagerDuty routing key": '"routing_key": "«{h32}»"',
    "Opsgenie header": f"Authorization: GenieKey «{_UUID}»",
    "Okta header": "Authorization: SSWS «00{w40}»",
    "Auth0 secret": "AUTH0_CLIENT_SECRET=«{w64}»",
    "Cloudflare token": "CLOUDFLARE_API_TOKEN: «{w40}»",
    "PayPal secret": "PAYPAL_CLIENT_SECRET=«{w80}»",
    "bearer header": "authorization: Bearer «{w30}7»",
    "cookie header": "Cookie: theme=dark; session=«{a40}»",
    "session": "JSESSIONID=«{u32}»; Path=/",
    "API key header": "X-Api-Key: «{a32}»",
    "URL password": "postgres://shop:«{p16}»@db.example:5432/shop",
    "Redis URL": "redis://:«{a24}»@cache.example:6379/0",
    "URL token": "https://«{a40}»@github.com/shop/web.git",
    "JDBC": "jdbc:mysql://db/shop?user=shop&password=«{a16}»",
    "ADO connection string": "Server=db;User Id=sa;Password=«{p16}»;Encrypt=True",
    "Go DSN": "shop:«{a16}»@tcp(db.example:3306)/shop",
    "PostgreSQL password file": "db.example:5432:shop:shop:«{a16}»",
    "assignment": "DB_PASSWORD=«{p14}»",
    "YAML": "  password: «{p14}»",
    "JSON": '{"user": "shop", "password": "«{p14}»"}',
    "JSON in JSON": '{"body": "{\\"password\\": \\"«{a14}»\\"}"}',
    "quoted with spaces": 'passphrase = "«{t6} {t6} {d3} {t6}»"',
    "camel case": "clientSecret: '«{a30}»'",
    "XML": "<dbPassword>«{a14}»</dbPassword>",
    "flag": "deploy --user shop --password «{p14}» --verbose",
    "flag with equals": "helm upgrade --set x --token=«{a24}»",
    "mysql flag": "mysql -h db -u root -p«{a12}» shop",
    "sshpass": "sshpass -p «{a12}» ssh root@10.0.0.1",
    "curl user": "curl -s -u admin:«{p12}» https://web.example/health",
    "netrc": "machine api.example login shop password «{a16}»",
    "SQL": "CREATE USER shop IDENTIFIED BY '«{a16}»'",
    "said": "the password is «{a8}1!», keep it",
    "kubeconfig key": "    client-key-data: «{b120}=»",
    "kubeconfig token": "    token: «ey|J{a40}.ey|J{w120}.{w43}»",
    "npm file": "//npm.example/:_authToken=«{a36}»",
    "WireGuard key": "PrivateKey = «{b43}=»",
    "private key": "-----BEGIN RSA PRI|VATE KEY-----\n«{b64}»\n-----END RSA PRI|VATE KEY-----",
    "cut private key": "-----BEGIN OPENSSH PRI|VATE KEY-----\n{b64}\n«{b64}»",
    "PGP key": "-----BEGIN PGP PRI|VATE KEY BLOCK-----\n\n«{b64}»\n-----END PGP PRI|VATE KEY",
    "PuTTY key": "PuTTY-User-Key|-File-3: rsa\nPrivate-Lines: 1\n«{b64}»\nPrivate-MAC: {h64}",
    "one-time secret": "otpauth://totp/shop:ana?secret=«{u16}»&issuer=shop".replace(
        "{u16}", "{q16}"
    ),
    "hex key": "SECRET_KEY_BASE=«{h64}»",
}
# Where a secret that has a form of its own may stand.
AROUND = (
    "{}",
    "the call failed with {}: 401",
    '{{"value": "{}", "n": 1}}',
    "value={}&page=2",
    '{{"line": "first\\n{}\\nlast"}}',
    "`{}`",
    "<{}>",
    "('{}',)",
    "x%3D{}%26y",
    "cfg: {}, next",
)


@dataclass(frozen=True)
class Planted:
    """A secret of a kind, and a text that holds it."""

    kind: str
    secret: str
    text: str


def drawn(form: str, rng: random.Random) -> str:
    """Return a form with its parts drawn."""

    def part(found: re.Match[str]) -> str:
        signs = DRAWN[found[1]]
        return "".join(rng.choice(signs) for _ in range(int(found[2])))

    return _PART.sub(part, form.replace("|", ""))


def marked(kind: str, text: str) -> Planted:
    """Return the secret between the marks of a text."""
    secret = text[text.index("«") + 1 : text.index("»")]
    return Planted(kind, secret, text.replace("«", "").replace("»", ""))


def planted(seed: int, times: int = 10) -> list[Planted]:
    """Return secrets of every kind, each several times; those with a form in several places."""
    rng = random.Random(seed)
    found = []
    for kind, form in (FORMS | PLACES).items():
        for time in range(times):
            whole = drawn(form if "«" in form else f"«{form}»", rng)
            around = AROUND[time % len(AROUND)] if kind in FORMS else "{}"
            found.append(marked(kind, around.format(whole)))
    for _ in range(times):
        pair = drawn("shop:{a20}", rng)
        secret = base64.b64encode(pair.encode()).decode()
        found.append(Planted("basic header", secret, f"Authorization: Basic {secret}"))
    return found


def leaks(planting: Planted, text: str) -> bool:
    """Say whether a third of the secret (at least 8 signs) stands in a text."""
    secret = planting.secret
    part = max(8, len(secret) // 3)
    return any(secret[at : at + part] in text for at in range(max(1, len(secret) - part + 1)))


def own_forms(secret: str) -> list[str]:
    """Return the ways in which an own secret is written where it leaks."""
    raw = secret.encode()
    wrapped = base64.encodebytes(b"{'auth': 'shop:" + raw + b"', 'more': 1}").decode()
    inside = [base64.b64encode(b"x" * before + raw + b"y" * 4).decode() for before in range(3)]
    split = "\u200b".join(secret)
    wide = "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in secret)
    bold = "".join(chr(0x1D41A - 97 + ord(sign)) if "a" <= sign <= "z" else sign for sign in secret)
    escaped = [found for text in (split, wide, bold) for found in (json.dumps(text), quote(text))]
    return [
        secret,
        secret[::-1],
        secret.upper(),
        *inside,
        *(text.replace("+", "-").replace("/", "_").rstrip("=") for text in inside),
        "\n    ".join(wrapped.split("\n")[0][at : at + 20] for at in range(0, 76, 20)),
        quote(secret, safe=""),
        "".join(f"%{byte:02x}" for byte in raw),
        "".join(f"%25{byte:02X}" for byte in raw),
        raw.hex(),
        raw.hex().upper(),
        raw.hex(" "),
        raw.hex(":").upper(),
        ", ".join(f"0x{byte:02x}" for byte in raw),
        "".join(f"\\u{ord(sign):04x}" for sign in secret),
        "".join(f"&#{ord(sign)};" for sign in secret),
        "".join(f"&#x{ord(sign):x};" for sign in secret),
        split,
        wide,
        bold,
        *(text.strip('"') for text in escaped),
        quote(quote(split)),
        repr(split.encode())[2:-1],
        "&#8203;".join(secret),
        "&ZeroWidthSpace;".join(secret),
        "\\u200b".join(inside[0]),
        "".join(f"\\U{ord(sign):08x}" for sign in secret),
        "".join(f"%u{ord(sign):04x}" for sign in secret),
        secret[:5] + "\\u001b[31m" + secret[5:],
        secret[:5] + "\x1b[38:5:1m\x1b(B" + secret[5:],
        "\u00ad".join(secret),
        "\u2800".join(secret),
        secret[:5] + "\x1b]0;title\x07" + secret[5:],
        secret[:5] + "\x1b]8;;https://x.example\x1b\\" + secret[5:],
    ]

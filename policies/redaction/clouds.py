"""Kinds of secrets of clouds, code hosts, package registries and build systems.

Sources are named by the vendor's document, or by the rule of gitleaks (MIT), from which facts
about a form were taken, not its code.
"""

from policies.redaction.kinds import Kind

_UUID = "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"

CLOUDS = (
    Kind(
        "AWS key",
        ("akia", "asia", "abia", "acca", "a3t"),
        r"(?<![A-Z0-9])(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Z0-9])",
        "AWS IAM: unique identifiers; gitleaks aws-access-token",
    ),
    Kind(
        "AWS session token",
        ("iqojb3jpz2lu", "fwogzxivyxdz", "fqogzxivyxdz"),
        r"(?:IQoJb3JpZ2lu|F[wQ]oGZXIvYXdz)[A-Za-z0-9+/=%]{80,2000}",
        "AWS STS: its tokens begin with the base64 of a fixed header",
    ),
    Kind(
        "AWS Bedrock key",
        ("absk",),
        r"(?<![A-Za-z0-9])ABSK[A-Za-z0-9+/]{100,270}={0,2}",
        "gitleaks aws-amazon-bedrock-api-key-long-lived",
    ),
    Kind("AWS MWS key", ("amzn.mws.",), rf"amzn\.mws\.{_UUID}", "Amazon MWS developer guide"),
    Kind(
        "Google key",
        ("aiza",),
        r"AIza[A-Za-z0-9_-]{35}",
        "Google Cloud: API keys; gitleaks gcp-api-key",
    ),
    Kind("Google token", ("ya29.",), r"ya29\.[A-Za-z0-9_-]{20,2048}", "Google Identity: OAuth 2.0"),
    Kind(
        "Google token",
        ("1//0",),
        r"(?<![A-Za-z0-9/])1//0[A-Za-z0-9_-]{40,256}",
        "Google Identity: refresh tokens",
    ),
    Kind("Google secret", ("gocspx-",), r"GOCSPX-[A-Za-z0-9_-]{24,40}", "Google Identity: clients"),
    Kind(
        "Azure secret",
        ("q~",),
        r"(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}",
        "gitleaks azure-ad-client-secret",
    ),
    Kind(
        "Azure key",
        ("accountkey=", "sharedaccesskey="),
        r"(?:AccountKey|SharedAccessKey)=([A-Za-z0-9+/%]{40,100}={0,2})",
        "Azure Storage and Service Bus: connection strings",
    ),
    Kind(
        "Azure DevOps token",
        ("azdo",),
        r"(?<![A-Za-z0-9])[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}(?![A-Za-z0-9])",
        "Azure DevOps: personal access tokens",
    ),
    Kind(
        "Alibaba key",
        ("ltai",),
        r"(?<![A-Za-z0-9])LTAI[A-Za-z0-9]{12,20}",
        "gitleaks alibaba-access-key-id",
    ),
    Kind(
        "DigitalOcean token",
        ("dop_v1_", "doo_v1_", "dor_v1_"),
        r"do[opr]_v1_[a-f0-9]{64}",
        "DigitalOcean API: token formats; gitleaks digitalocean-pat",
    ),
    Kind("Heroku key", ("hrku-",), r"HRKU-[A-Za-z0-9_-]{36,70}", "Heroku: API key format"),
    Kind(
        "Cloudflare key",
        ("v1.0-",),
        r"v1\.0-[a-f0-9]{24}-[a-f0-9]{146}",
        "gitleaks cloudflare-origin-ca-key",
    ),
    Kind(
        "Fly token",
        ("fo1_", "fm1", "fm2_"),
        r"(?<![A-Za-z0-9])(?:fo1_[A-Za-z0-9_-]{43}|fm(?:1[ar]|2)_[A-Za-z0-9+/]{100,2000}={0,3})",
        "gitleaks flyio-access-token",
    ),
    Kind("Netlify token", ("nfp_",), r"nfp_[A-Za-z0-9]{36,40}", "Netlify: token prefixes"),
    Kind("Render key", ("rnd_",), r"(?<![A-Za-z0-9])rnd_[A-Za-z0-9]{24,40}", "Render: API keys"),
    Kind("Supabase token", ("sbp_",), r"sbp_[a-f0-9]{40}", "Supabase: access tokens"),
    Kind(
        "PlanetScale secret",
        ("pscale_",),
        r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_=.-]{32,64}",
        "gitleaks planetscale-api-token",
    ),
    Kind(
        "Databricks token",
        ("dapi",),
        r"dapi[a-f0-9]{32}(?:-\d)?",
        "gitleaks databricks-api-token",
    ),
    Kind(
        "Doppler token",
        ("dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit."),
        r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}",
        "Doppler: auth token formats",
    ),
    Kind("Pulumi token", ("pul-",), r"pul-[a-f0-9]{40}", "gitleaks pulumi-api-token"),
    Kind(
        "Terraform token",
        (".atlasv1.",),
        r"(?<![A-Za-z0-9])[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}",
        "HCP Terraform: API tokens; gitleaks hashicorp-tf-api-token",
    ),
    Kind(
        "Vault token",
        ("hvs.", "hvb.", "hvr."),
        r"hv[sbr]\.[A-Za-z0-9_-]{20,300}",
        "HashiCorp Vault: token prefixes",
    ),
    Kind(
        "Vault token",
        (),
        r"(?<![A-Za-z0-9._/-])s\.(?=[A-Za-z]*[0-9])[A-Za-z0-9]{24}(?![A-Za-z0-9._-])",
        "HashiCorp Vault before 1.10: service tokens",
    ),
)

CODE = (
    Kind(
        "GitHub token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        r"(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255})",
        "GitHub: authentication token formats",
    ),
    Kind(
        "GitLab token",
        (
            "glpat-",
            "glptt-",
            "gldt-",
            "glrt-",
            "glcbt-",
            "glft-",
            "glagent-",
            "gloas-",
            "glsoat-",
            "glimt-",
            "glffct-",
            "gr1348941",
        ),
        r"(?:gl(?:pat|ptt|dt|rt|cbt|ft|agent|oas|soat|imt|ffct)-|GR1348941)[A-Za-z0-9_.-]{20,300}",
        "GitLab: token prefixes",
    ),
    Kind(
        "Atlassian token",
        ("atatt3", "atbb", "atctt3"),
        r"(?:AT[AC]TT3[A-Za-z0-9_=-]{50,250}|(?<![A-Za-z0-9])ATBB[A-Za-z0-9]{24,40})",
        "Atlassian and Bitbucket: token formats; gitleaks atlassian-api-token",
    ),
    Kind("npm token", ("npm_",), r"npm_[A-Za-z0-9]{36}", "npm: access tokens"),
    Kind(
        "PyPI token",
        ("pypi-ag",),
        r"pypi-Ag(?:EIcHlwaS5vcmc|ENdGVzdC5weXBpLm9yZw)[A-Za-z0-9_-]{50,1000}",
        "gitleaks pypi-upload-token",
    ),
    Kind("RubyGems key", ("rubygems_",), r"rubygems_[a-f0-9]{48}", "gitleaks rubygems-api-token"),
    Kind(
        "NuGet key", ("oy2",), r"(?<![A-Za-z0-9])oy2[a-z0-9]{43}(?![A-Za-z0-9])", "NuGet: API keys"
    ),
    Kind(
        "crates.io token",
        ("cio",),
        r"(?<![A-Za-z0-9])cio[A-Za-z0-9]{32}(?![A-Za-z0-9])",
        "crates.io: API tokens",
    ),
    Kind(
        "Docker token", ("dckr_",), r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,60}", "Docker Hub: tokens"
    ),
    Kind(
        "Artifactory key",
        ("akcp", "cmvmd"),
        r"(?<![A-Za-z0-9])(?:AKCp[A-Za-z0-9]{60,80}|cmVmd[A-Za-z0-9]{59})",
        "gitleaks artifactory-api-key",
    ),
    Kind(
        "CircleCI token",
        ("ccipat_", "cciprj_"),
        r"CCI(?:PAT|PRJ)_[A-Za-z0-9]{20,30}_[a-f0-9]{40}",
        "CircleCI: API tokens",
    ),
    Kind("Buildkite token", ("bkua_",), r"bkua_[a-f0-9]{40}", "Buildkite: API access tokens"),
    Kind("Sonar token", ("sqp_", "squ_", "sqa_"), r"sq[pua]_[a-f0-9]{40}", "SonarQube: tokens"),
    Kind("Clojars token", ("clojars_",), r"(?i)clojars_[a-z0-9]{60}", "gitleaks clojars-api-token"),
    Kind(
        "Postman key", ("pmak-",), r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}", "gitleaks postman-api-token"
    ),
)

MODELS = (
    Kind("Anthropic key", ("sk-ant-",), r"sk-ant-[A-Za-z0-9_-]{8,300}", "Anthropic: API keys"),
    Kind(
        "API key",
        ("sk-",),
        r"(?<![A-Za-z0-9])sk-(?=[A-Za-z_-]{0,200}[0-9])[A-Za-z0-9_-]{16,300}",
        "OpenAI and services like it: API keys",
    ),
    Kind(
        "Hugging Face token",
        ("hf_", "api_org_"),
        r"(?:hf|api_org)_[A-Za-z]{34}",
        "Hugging Face: user access tokens",
    ),
    Kind(
        "Replicate token", ("r8_",), r"(?<![A-Za-z0-9])r8_[A-Za-z0-9]{37}", "Replicate: API tokens"
    ),
    Kind("Groq key", ("gsk_",), r"gsk_[A-Za-z0-9]{52}", "Groq: API keys"),
    Kind("xAI key", ("xai-",), r"xai-[A-Za-z0-9]{70,90}", "xAI: API keys"),
    Kind("Perplexity key", ("pplx-",), r"pplx-[A-Za-z0-9]{40,60}", "gitleaks perplexity-api-key"),
    Kind(
        "LangSmith key",
        ("lsv2_",),
        r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}",
        "LangSmith: API keys",
    ),
)

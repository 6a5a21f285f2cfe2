"""Examples for `--help`, one list a command, as they are typed. A test holds that each is one."""

_KEY = "01ARYZ6S41TSV4RRFFQ69G5FAW"

EXAMPLES: dict[str, tuple[str, ...]] = {
    "accounts create": (
        "relayctl accounts create --name main --provider openai --api-key-file key.txt",
        "relayctl accounts create --name eu --provider openai_compatible "
        "--base-url https://llm.example/v1 --model gpt-4o=our-deployment --api-key-file -",
        "relayctl accounts create --name claude --provider vertex --region us-east5 "
        "--credential-file key-file.json",
    ),
    "accounts list": ("relayctl accounts list --provider anthropic",),
    "accounts show": (f"relayctl accounts show {_KEY} --output json",),
    "accounts update": (
        f"relayctl accounts update {_KEY} --priority 10 --max-concurrency 20",
        f"relayctl accounts update {_KEY} --api-key-file new.txt",
        f"relayctl accounts update {_KEY} --limit requests_per_minute=500 --budget month=2000",
    ),
    "accounts reset": ("relayctl accounts reset main",),
    "accounts test": (
        "relayctl accounts test main",
        "relayctl accounts test eu --model gpt-4o --output json",
    ),
    "accounts rewrap": ("relayctl accounts rewrap",),
    "accounts delete": (f"relayctl accounts delete {_KEY}",),
    "aliases set": (
        "relayctl aliases set fast --model gpt-4o-mini",
        "relayctl aliases set canary --model gpt-4o=9 --model gpt-4.1=1",
        "relayctl aliases set auto --rules-file rules.json --model gpt-4o-mini",
    ),
    "aliases list": ("relayctl aliases list",),
    "aliases show": ("relayctl aliases show fast",),
    "aliases delete": ("relayctl aliases delete fast",),
    "apply": (
        "relayctl apply -f config.yaml --dry-run",
        "relayctl apply -f config.yaml --keys-file new-keys.jsonl",
        "relayctl apply -f config.yaml --prune --dry-run --detailed-exitcode",
    ),
    "audit list": (
        "relayctl audit list --action key.revoke --since 2026-11-01",
        f"relayctl audit list --subject-id {_KEY} --output json",
    ),
    "export": ("relayctl export --file relay.json --passphrase-file passphrase.txt",),
    "import": (
        "relayctl import --file relay.json --passphrase-file passphrase.txt --dry-run",
        "relayctl import --file relay.json --passphrase-file passphrase.txt",
    ),
    "cache show": ("relayctl cache show",),
    "cache purge": (f"relayctl cache purge --team {_KEY}", "relayctl cache purge --all"),
    "dead-letters list": ("relayctl dead-letters list --limit 10",),
    "dead-letters retry": (
        f"relayctl dead-letters retry {_KEY}",
        "relayctl dead-letters retry --all",
    ),
    "prices show": ("relayctl prices show", "relayctl prices show gpt-5.4"),
    "prices books": ("relayctl prices books",),
    "prices diff": ("relayctl prices diff acme-2026-12.json",),
    "prices import": (
        "relayctl prices import acme-2026-12.json",
        "relayctl prices import acme-2026-12.json --effective-from 2026-12-01T00:00:00Z",
    ),
    "prices recompute": (
        "relayctl prices recompute --from 2026-11-01 --to 2026-12-01 --dry-run",
        "relayctl prices recompute --from 2026-11-01 --to 2026-12-01 --model our-llama",
    ),
    "groups create": (f"relayctl groups create --name eu --account-id {_KEY} --account-id {_KEY}",),
    "groups list": ("relayctl groups list",),
    "groups show": (f"relayctl groups show {_KEY}",),
    "groups update": (f"relayctl groups update {_KEY} --account-id {_KEY}",),
    "groups delete": (f"relayctl groups delete {_KEY}",),
    "models list": ("relayctl models list",),
    "models show": ("relayctl models show gpt-4o",),
    "login": ("relayctl login --url https://relay.example --username admin",),
    "logout": ("relayctl logout", "relayctl logout --everywhere"),
    "models set": (
        "relayctl models set our-llama --context-window 131072 --capability tools",
        "relayctl models set gpt-4 --deprecated-on 2027-01-31 --successor gpt-4o",
    ),
    "models delete": ("relayctl models delete our-llama",),
    "notifications create": (
        "relayctl notifications create --name ops --kind slack --secret-file webhook.txt",
        "relayctl notifications create --name pager --kind webhook "
        "--hook-url https://example.org/relay --secret-file signing.txt --severity critical",
        "relayctl notifications create --name mail --kind email --smtp-host smtp.example.com "
        "--smtp-user relay --secret-file - --sender relay@example.com "
        "--recipient ops@example.com --event budget.threshold --event keys.expiring",
        "relayctl notifications create --name chat --kind telegram --chat-id -1001234567 "
        "--secret-file token.txt",
    ),
    "notifications list": ("relayctl notifications list",),
    "notifications show": ("relayctl notifications show ops",),
    "notifications update": (
        "relayctl notifications update ops --severity warning --disabled",
        "relayctl notifications update mail --all-events --recipient ops@example.com",
    ),
    "notifications delete": ("relayctl notifications delete ops",),
    "notifications test": ("relayctl notifications test ops",),
    "notifications messages": (
        "relayctl notifications messages --state given_up",
        "relayctl notifications messages --channel ops --all --output csv",
    ),
    "notifications retry": (f"relayctl notifications retry {_KEY}",),
    "route explain": (f"relayctl route explain --model gpt-4o --key {_KEY}",),
    "keys create": (
        "relayctl keys create --name app --user-id alice --allow 'gpt-*' --scope chat",
        "relayctl keys create --name ci --expires-at 2026-12-31T12:00:00Z --tag nightly",
        "relayctl keys create --name trial --activation-days 30 --address 203.0.113.0/24 "
        "--client claude-code",
    ),
    "keys list": (
        "relayctl keys list --user-id alice",
        "relayctl keys list --status expired --all",
    ),
    "keys show": (f"relayctl keys show {_KEY} --output json",),
    "keys update": (
        f"relayctl keys update {_KEY} --deny 'o1-*' --deny 'o3-*'",
        f"relayctl keys update {_KEY} --status disabled",
        f"""relayctl keys update {_KEY} --response-cache '{{"mode": "opt_in", "ttl_s": 600}}'""",
    ),
    "keys revoke": (f"relayctl keys revoke {_KEY}",),
    "keys restore": (f"relayctl keys restore {_KEY}",),
    "keys rotate": (f"relayctl keys rotate {_KEY} --grace-s 86400",),
    "master-key rotate": ("relayctl master-key rotate --minutes 60",),
    "quarantine list": ("relayctl quarantine list --reason no_partition",),
    "quarantine retry": ("relayctl quarantine retry --all",),
    "content-policy webhook-secret": (
        "relayctl content-policy webhook-secret https://guard.example.com/judge",
    ),
    "redaction try": (
        """relayctl redaction try letter.txt --redaction '{"entities": {"CONTACT": "mask"}}'""",
        f"relayctl redaction try --key {_KEY} --output json",
    ),
    "organisation show": ("relayctl organisation show",),
    "organisation update": (
        "relayctl organisation update --budget month=5000:deny --timezone Europe/Berlin",
        "relayctl organisation update --limit requests_per_minute=6000 --no-budgets",
        """relayctl organisation update --redaction '{"entities": {"SECRETS": "block"}}'""",
    ),
    "teams create": (
        "relayctl teams create --name blue",
        "relayctl teams create --name red --budget day=50 --window 5:requests=100,usd=2.50",
    ),
    "teams list": ("relayctl teams list --output csv",),
    "teams show": (f"relayctl teams show {_KEY}",),
    "teams update": (
        f"relayctl teams update {_KEY} --name green",
        f"relayctl teams update {_KEY} --limit concurrency=10 --queue 100:5000",
        f"""relayctl teams update {_KEY} --redaction '{{"entities": {{"CONTACT": "mask"}}}}'""",
        f"relayctl teams update {_KEY} --no-redaction --no-content-policy",
    ),
    "teams delete": (f"relayctl teams delete {_KEY}",),
    "usage sums": (
        "relayctl usage sums --group-by model,day --since 2026-11-01 --tz Europe/Berlin",
        "relayctl usage sums --group-by user --output csv",
    ),
    "usage records": (
        "relayctl usage records --user-id alice --status error",
        "relayctl usage records --since 2026-11-01 --all --output csv",
    ),
    "usage receipt": ("relayctl usage receipt 01KB2Q7M6T3V9XH5R8N4C1D0EF --output json",),
    "usage leaderboard": ("relayctl usage leaderboard --by team --metric tokens --limit 5",),
    "users create": ("relayctl users create alice --email alice@example.com",),
    "users list": (f"relayctl users list --team-id {_KEY}",),
    "users show": ("relayctl users show alice",),
    "users update": (f"relayctl users update alice --team-id {_KEY}",),
    "users delete": ("relayctl users delete alice",),
    "self show": ("relayctl self show",),
    "self keys": ("relayctl self keys --status active",),
    "self create": (
        "relayctl self create --name laptop --allow 'gpt-5*' --budget month=20",
        "relayctl self create --name ci --expires-at 2027-06-30T00:00:00Z --output json",
    ),
    "self rotate": (f"relayctl self rotate {_KEY} --grace-s 86400",),
    "self revoke": (f"relayctl self revoke {_KEY}",),
    "self limits": (f"relayctl self limits --key-id {_KEY}",),
    "self usage": ("relayctl self usage --since 2026-11-01 --tz Europe/Berlin",),
    "self requests": ("relayctl self requests --model gpt-5 --limit 20",),
    "self receipt": ("relayctl self receipt 01KB2Q7M6T3V9XH5R8N4C1D0EF",),
    "self check": ("relayctl self check --api-key-file key.txt",),
    "service-accounts create": (
        "relayctl service-accounts create --name ci --role operator --area keys --area usage",
        f"relayctl service-accounts create --name blue --role team_admin --team-id {_KEY}",
    ),
    "service-accounts list": ("relayctl service-accounts list --output json",),
    "service-accounts show": (f"relayctl service-accounts show {_KEY}",),
    "service-accounts update": (f"relayctl service-accounts update {_KEY} --role viewer",),
    "service-accounts rotate": (f"relayctl service-accounts rotate {_KEY} --grace-s 3600",),
    "service-accounts revoke": (f"relayctl service-accounts revoke {_KEY}",),
    "sessions list": ("relayctl sessions list --everybody",),
    "sessions end": (f"relayctl sessions end {_KEY}",),
    "whoami": ("relayctl whoami",),
}

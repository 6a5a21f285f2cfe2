"""Words of software that small models take for names of people, places and companies."""

TECHNIQUES = frozenset(
    """
    ansible api apis app apt arm ascii bash bearer bert blob bool boolean brew cache cd chrome
    ci cli cmake cobol commit config copilot cors cpu crud css csv ctrl curl debian delete
    django dns docker dockerfile dto elasticsearch enum env exception express false fastapi
    figma firefox flask float foo get git gitlab go golang gpt gpu grafana graphql grpc gui gzip
    hash head helm html http https ide iframe int integer ios ip iso jenkins jira jpeg json jwt
    kafka kotlin kubectl kubernetes lambda latex linux llm localhost lru macos main markdown
    maven md5 merge minio mongo mongodb mqtt mutex mypy mysql nan nginx node nodejs nosql npm
    null numpy oauth ocr ok orm os pandas patch pdf php pip png podman posix post postgres
    postgresql powershell prometheus prompt pull push put pytest python pytorch qa rabbitmq rag
    ram react readme rebase redis regex repo request response rest rfc ruby ruff rust saas scala
    schema sdk sha sha256 sla slack smtp soap spacy sql sqlite ssd ssh ssl sso stderr stdin
    stdout str string struct svelte svg swagger swift tcp tensorflow terraform thread tls todo
    token true ttl typescript ubuntu udp ui unicode unix uri url utc utf uuid uvicorn ux vim vm
    void vpc vpn vue webhook webpack websocket wifi windows xml yaml yarn zip
    """.split()  # noqa: SIM905 - a list of words is read as one
)

import pytest
from pydantic import JsonValue

from shared.gateways.normalize.json_values import JsonObject
from shared.gateways.normalize.outcome import Ignored
from shared.gateways.proto_message.content import Content, read_content


@pytest.mark.parametrize(
    "wrapper",
    [
        "ephemeralMessage",
        "viewOnceMessage",
        "viewOnceMessageV2",
        "viewOnceMessageV2Extension",
        "documentWithCaptionMessage",
        "deviceSentMessage",
        "groupMentionedMessage",
        "editedMessage",
        "spoilerMessage",
    ],
)
def test_a_wrapper_is_unwrapped_wherever_it_is(wrapper: str) -> None:
    wrapped: JsonObject = {
        "messageContextInfo": {"messageSecret": "S"},
        wrapper: {"message": {"audioMessage": {"ptt": True}}},
    }
    assert read_content({"message": wrapped}) == Content("audio", "")


def test_unwrapping_stops_at_the_limit() -> None:
    message: JsonObject = {"conversation": "x"}
    for _ in range(500):
        message = {"ephemeralMessage": {"message": message}}
    assert read_content({"message": message}) == Content("unsupported", "")


def test_media_is_not_lost_to_a_text_beside_it() -> None:
    read = read_content(
        {"message": {"conversation": "x", "imageMessage": {"caption": "the picture"}}}
    )
    assert read == Content("image", "the picture")


@pytest.mark.parametrize(
    ("mimetype", "family"),
    [
        ("application/pdf", "application"),
        ("TEXT/plain; charset=utf-8", "text"),
        ("image/png", "image"),
        ("x-strange/thing", "application"),
        ("", "application"),
        (None, "application"),
        (7, "application"),
    ],
)
def test_a_document_has_the_family_of_its_mime_type(
    mimetype: str | int | None, family: str
) -> None:
    read = read_content(
        {"message": {"documentMessage": {"mimetype": mimetype, "fileName": "a.bin"}}}
    )
    assert isinstance(read, Content)
    assert (read.media_type, read.body) == (family, "a.bin")


def test_only_the_stored_file_is_a_media_address() -> None:
    message: JsonObject = {
        "imageMessage": {"url": "https://mmg.example.net/a.enc"},
        "mediaUrl": "/9j/4AAQSkZJRg",
    }
    assert read_content({"message": message}) == Content("image", "", media_url=None)


@pytest.mark.parametrize(
    "location",
    [{}, {"degreesLatitude": True}, {"degreesLatitude": 1.5, "degreesLongitude": float("nan")}],
)
def test_a_location_without_coordinates_or_name_cannot_be_shown(location: JsonObject) -> None:
    read = read_content({"message": {"locationMessage": location}})
    assert read == Content("unsupported", "")


def test_a_tiny_angle_is_not_written_as_an_exponent() -> None:
    read = read_content(
        {"message": {"locationMessage": {"degreesLatitude": 0.00002, "degreesLongitude": 10}}}
    )
    assert read == Content("locationMessage", "0.00002, 10")


def test_a_stub_that_repeats_a_revoke_is_ignored_as_revoke() -> None:
    assert read_content({"message": None, "messageStubType": 1}) == Ignored("revoke", "1")


@pytest.mark.parametrize("kind", ["listResponseMessage", "buttonsResponseMessage"])
def test_an_empty_reply_cannot_be_shown(kind: str) -> None:
    assert read_content({"message": {kind: {"x": 1}}}) == Content("unsupported", "")


def test_edits_in_edits_are_not_followed() -> None:
    message: JsonObject = {"conversation": "x"}
    for _ in range(500):
        message = {"protocolMessage": {"key": {"id": "A"}, "type": 14, "editedMessage": message}}
    assert read_content({"message": message}) == Content("unsupported", "", quoted_wid="A")


def test_an_order_counts_its_items() -> None:
    one = read_content({"message": {"orderMessage": {"itemCount": 1}}})
    assert one == Content("orderMessage", "1 item")


@pytest.mark.parametrize("json_text", ["", "{", '"{', "null", "[" * 100_000, "x" * 70_000])
def test_parameters_that_cannot_be_read_are_ignored(json_text: str) -> None:
    flow: JsonObject = {"name": "flow", "paramsJson": json_text}
    reply: JsonObject = {"body": {"text": "Enviado"}, "nativeFlowResponseMessage": flow}
    read = read_content({"message": {"interactiveResponseMessage": reply}})
    assert read == Content("interactiveResponseMessage", "Enviado")


@pytest.mark.parametrize(
    ("message", "visible"),
    [
        (
            {"groupInviteMessage": {"groupName": "Clube", "caption": "Entre", "inviteCode": "x"}},
            Content("groupInviteMessage", "Clube\nEntre"),
        ),
        (
            {"newsletterAdminInviteMessage": {"newsletterName": "Canal", "caption": "Ajude"}},
            Content("newsletterAdminInviteMessage", "Canal\nAjude"),
        ),
        (
            {"eventInviteMessage": {"eventTitle": "Visita", "startTime": 1790003600}},
            Content("eventInviteMessage", "Visita\n2026-09-21 15:13 UTC"),
        ),
        (
            {"scheduledCallCreationMessage": {"title": "Dúvidas", "scheduledTimestampMs": "17"}},
            Content("scheduledCallCreationMessage", "Dúvidas\n1970-01-01 00:00 UTC"),
        ),
        (
            {"stickerPackMessage": {"name": "Gatos", "publisher": "Ateliê", "stickers": [{}]}},
            Content("stickerPackMessage", "Gatos\nAteliê"),
        ),
    ],
)
def test_an_invitation_or_a_sticker_pack_shows_its_name(
    message: JsonObject, visible: Content
) -> None:
    assert read_content({"message": message}) == visible


def test_a_payment_shows_its_note_and_its_amount() -> None:
    request: JsonObject = {
        "noteMessage": {"extendedTextMessage": {"text": "Almoço"}},
        "amount1000": "25000",
        "currencyCodeIso4217": "BRL",
    }
    read = read_content({"message": {"requestPaymentMessage": request}})
    assert read == Content("requestPaymentMessage", "Almoço\nBRL 25.00")
    sent: JsonObject = {"noteMessage": {"conversation": "Paguei"}}
    read = read_content({"message": {"sendPaymentMessage": sent}})
    assert read == Content("sendPaymentMessage", "Paguei")
    read = read_content({"message": {"invoiceMessage": {"note": "Setembro"}}})
    assert read == Content("invoiceMessage", "Setembro")


@pytest.mark.parametrize(
    "kind",
    ["sendPaymentMessage", "requestPaymentMessage", "invoiceMessage", "paymentInviteMessage"],
)
def test_a_payment_without_a_note_cannot_be_shown(kind: str) -> None:
    assert read_content({"message": {kind: {"x": 1}}}) == Content("unsupported", "")


@pytest.mark.parametrize(
    "kind", ["statusQuestionAnswerMessage", "questionResponseMessage", "statusQuotedMessage"]
)
def test_an_answer_to_a_question_shows_its_text(kind: str) -> None:
    read = read_content({"message": {kind: {"key": {"id": "Q"}, "text": "Azul"}}})
    assert read == Content("extendedTextMessage", "Azul")


def test_a_forwarded_answer_of_an_assistant_shows_its_text() -> None:
    parts: JsonObject = {"submessages": [{"messageText": "Um"}, {"messageType": 4}, 7]}
    passed: JsonObject = {"botForwardedMessage": {"message": {"richResponseMessage": parts}}}
    assert read_content({"message": passed}) == Content("extendedTextMessage", "Um")


def test_a_template_without_its_text_shows_its_parameters() -> None:
    filled: JsonObject = {"namespace": "n", "elementName": "aviso", "params": ["Ana", "7", 8]}
    read = read_content({"message": {"highlyStructuredMessage": filled}})
    assert read == Content("template", "Ana\n7")
    rows: JsonObject = {"fourRowTemplate": {"content": filled, "footer": {"params": ["Loja"]}}}
    read = read_content({"message": {"templateMessage": rows}})
    assert read == Content("template", "Ana\n7\nLoja")


def test_a_template_of_buttons_alone_shows_their_labels() -> None:
    buttons: list[JsonValue] = [
        {"quickReplyButton": {"displayText": "Sim", "id": "1"}},
        {"urlButton": {"displayText": "Abrir"}},
    ]
    template: JsonObject = {"hydratedTemplate": {"hydratedButtons": buttons}}
    read = read_content({"message": {"templateMessage": template}})
    assert read == Content("template", "Sim\nAbrir")


def test_a_pix_key_that_is_offered_can_be_read() -> None:
    pix = '{"payment_settings":[{"pix_static_code":{"merchant_name":"Loja","key":"loja@x.br"}}]}'
    button: JsonObject = {"name": "payment_info", "buttonParamsJson": pix}
    offered: JsonObject = {"nativeFlowMessage": {"buttons": [button]}}
    read = read_content({"message": {"interactiveMessage": offered}})
    assert read == Content("interactiveMessage", "Loja\nPIX: loja@x.br")


@pytest.mark.parametrize("message", [{}, {"messageContextInfo": {"messageSecret": "S"}}])
def test_a_notice_beside_an_empty_message_is_still_read(message: JsonObject) -> None:
    undecrypted: JsonObject = {"message": message, "messageStubType": 2}
    assert read_content(undecrypted) == Content("undecryptable", "")
    missed: JsonObject = {"message": message, "messageStubType": "CALL_MISSED_VOICE"}
    assert read_content(missed) == Content("call_log", "")


@pytest.mark.parametrize("unknown", [0, "UNKNOWN"])
def test_the_unknown_stub_type_is_no_notice(unknown: int | str) -> None:
    read = read_content({"message": None, "messageStubType": unknown})
    assert read == Content("unsupported", "")


@pytest.mark.parametrize("name", ["flow", "galaxy_message"])
def test_what_was_filled_into_a_flow_is_shown_by_either_of_its_names(name: str) -> None:
    flow: JsonObject = {"name": name, "paramsJson": '{"screen_0_nome_0":"Ana","flow_token":"x"}'}
    reply: JsonObject = {"body": {"text": "Enviado"}, "nativeFlowResponseMessage": flow}
    read = read_content({"message": {"interactiveResponseMessage": reply}})
    assert read == Content("interactiveResponseMessage", "Enviado\nscreen_0_nome_0: Ana")


@pytest.mark.parametrize(
    ("message", "visible"),
    [
        (
            {"interactiveMessage": {"header": {"imageMessage": {"caption": "Bolo"}}}},
            Content("interactiveMessage", "Bolo"),
        ),
        (
            {"buttonsMessage": {"videoMessage": {"caption": "Bolo"}, "contentText": "Quer?"}},
            Content("buttonsMessage", "Bolo\nQuer?"),
        ),
        (
            {"templateMessage": {"hydratedTemplate": {"imageMessage": {"caption": "Bolo"}}}},
            Content("template", "Bolo"),
        ),
    ],
)
def test_the_caption_of_an_offers_picture_is_not_lost(
    message: JsonObject, visible: Content
) -> None:
    assert read_content({"message": message}) == visible


def test_cards_of_buttons_alone_show_their_labels() -> None:
    button: JsonObject = {"name": "cta_url", "buttonParamsJson": '{"display_text":"Ver"}'}
    card: JsonObject = {"nativeFlowMessage": {"buttons": [button]}}
    offered: JsonObject = {"carouselMessage": {"cards": [card]}}
    read = read_content({"message": {"interactiveMessage": offered}})
    assert read == Content("interactiveMessage", "Ver")

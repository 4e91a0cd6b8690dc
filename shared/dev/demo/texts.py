"""Texts of the sample messages, in Portuguese."""

FIRST_NAMES = (
    "Ana Beatriz", "Antônio", "Bruna", "Caio", "Camila", "Carlos Eduardo", "Cecília", "Cláudia",
    "Davi", "Débora", "Diego", "Eduarda", "Elaine", "Fábio", "Fernanda", "Francisco", "Gabriela",
    "Gustavo", "Helena", "Igor", "Isabela", "Jandira", "João Pedro", "José Carlos", "Juliana",
    "Kátia", "Larissa", "Leandro", "Letícia", "Luana", "Lucas", "Luzia", "Marcelo", "Márcia",
    "Maria Clara", "Mateus", "Natália", "Otávio", "Patrícia", "Rafaela", "Raimundo", "Renata",
    "Rodrigo", "Rosângela", "Sebastião", "Simone", "Tainá", "Thiago", "Vanessa", "Vinícius",
)  # fmt: skip
LAST_NAMES = (
    "Almeida", "Araújo", "Barbosa", "Batista", "Cardoso", "Carvalho", "Castro", "Correia",
    "da Silva", "Dias", "dos Santos", "Farias", "Fernandes", "Ferreira", "Gomes", "Lima", "Lopes",
    "Machado", "Martins", "Melo", "Mendes", "Moraes", "Moreira", "Nascimento", "Nogueira",
    "Oliveira", "Pereira", "Pinto", "Ramos", "Ribeiro", "Rocha", "Sousa", "Teixeira", "Vieira",
)  # fmt: skip
AREA_CODES = (
    "11", "13", "16", "19", "21", "24", "27", "31", "41", "48", "51", "61", "71", "81", "85", "92",
)  # fmt: skip

GREETINGS = (
    "Oi, bom dia!",
    "Olá, boa tarde, tudo bem?",
    "Oii",
    "Boa noite, ainda estão atendendo?",
    "Opa, tem alguém aí?",
)
WELCOMES = (
    "Olá, {first}! Aqui é a {agent}, em que posso ajudar?",
    "Bom dia, {first}! Tudo bem? Sou a {agent} e vou te atender.",
    "Oi, {first}, obrigada pelo contato! Como posso ajudar?",
)
AGENTS = ("Sueli", "Priscila", "Joana", "Marli")

# Each dialogue: the customer's messages, then the agent's.
DIALOGUES = (
    (
        ("Meu pedido {order} ainda não chegou 😕", "Era pra ter chegado ontem"),
        ("Vou verificar com a entrega, só um momento.", "O pedido {order} saiu hoje às 9h."),
    ),
    (
        ("Veio faltando um item no pedido {order}", "Segue a nota, dá pra ver que eu paguei"),
        ("Sinto muito! Já vamos mandar o que faltou, sem custo.",),
    ),
    (
        ("Vocês aceitam Pix?", "Qual é a chave?"),
        ("Aceitamos sim! A chave é o nosso e-mail: pix@loja.example", "Ficou em R$ {price}."),
    ),
    (
        ("Acabei de fazer o Pix de R$ {price}", "Conseguem confirmar?"),
        ("Pagamento confirmado, muito obrigada! ✅",),
    ),
    (
        ("Vocês entregam no bairro Jardim das Acácias?", "Quanto fica o frete?"),
        ("Entregamos sim. O frete fica em R$ {freight}.", "Prefere de manhã ou à tarde?"),
    ),
    (
        ("Queria marcar um horário pra quinta-feira", "Pode ser depois das 14h?"),
        ("Tenho 14h30 ou 16h, qual fica melhor?",),
    ),
    (
        ("Quanto tá saindo hoje?", "E se eu levar dois, tem desconto?"),
        ("Um sai por R$ {price}. Levando dois, damos 10% 😉",),
    ),
    (
        ("O boleto {order} venceu, podem mandar outro?",),
        ("Claro, já gerei a segunda via.", "Vence na próxima sexta, tá bom?"),
    ),
    (
        ("Preciso trocar, veio no tamanho errado", "Posso levar na loja?"),
        ("Pode sim, é só trazer com a etiqueta e o número {order}.",),
    ),
)
GOODBYES = (
    "Muito obrigado pela atenção!",
    "Perfeito, valeu! 👍",
    "Combinado, obrigada 🙏",
    "Era só isso mesmo, bom trabalho pra vocês",
)
FAREWELLS = (
    "Nós é que agradecemos, {first}! Qualquer coisa é só chamar.",
    "Disponha! Tenha um ótimo dia.",
)
GROUP_TALK = (
    "Bom dia, grupo!",
    "Alguém sabe se hoje abre até que horas?",
    "Acho que até as 18h",
    "A rota da tarde já saiu?",
    "Saiu sim, com duas entregas a mais",
    "Amanhã chego dez minutos atrasado",
    "Ok, anotado",
    "Pessoal, não esqueçam da reunião de sexta",
    "👏👏👏",
    "Quem fica com a chave hoje?",
)
CAPTIONS = ("Olha como chegou a caixa", "É essa peça aqui", "Comprovante do Pix", "Foi esse modelo")
FILES = ("comprovante-{order}.pdf", "nota-fiscal-{order}.pdf", "orçamento {order}.pdf")
LOCATIONS = ("Praça do Coreto", "Rua das Flores, 120", "Avenida Beira-Rio, 45")
OFFERS = (
    "Oi, {first}! Esta semana tem 15% de desconto. Responda SIM para receber o cupom.",
    "{first}, sentimos sua falta! Preparamos uma condição especial pra você.",
    "Olá, {first}! Lembrete: falta confirmar o seu horário.",
)

"""Portuguese texts of customers and of the people who answer them, from lists of words."""

from collections.abc import Callable, Mapping
from typing import Final

from shared.generate.dice import Dice


def split_at(separator: str, text: str) -> tuple[str, ...]:
    """Return the parts of a text, without spaces around them."""
    return tuple(part.strip() for part in text.split(separator))


FIRST_NAMES: Final = split_at(
    " ",
    "Ana João Maria José Antônio Francisca Carlos Paulo Adriana Luís Márcia Patrícia Fernanda "
    "Juliana Rafael Bruno Letícia Camila Gabriel Beatriz Larissa Mateus Lucas Vinícius Thaís "
    "Cláudia Sônia Sérgio Márcio Fábio Érica Renata Aline Vanessa Débora Tatiane Luciana "
    "Rodrigo Gustavo Felipe Leandro Diego Thiago Caíque Otávio Heitor Davi Miguel Arthur Helena "
    "Alice Laura Valentina Sofia Cecília Isabela Manuela Lívia Eloá Yasmin Raimundo Sebastião "
    "Benedita Conceição Aparecida Rosângela Jéssica Kátia Zélia Inês Glória Nádia Íris "
    "Wellington Wesley Everton Anderson Jefferson Robson Edson Nelson Washington Ubiratan "
    "Iracema Jandira Tainá Cauã",
)
LAST_NAMES: Final = split_at(
    " ",
    "Silva Santos Oliveira Souza Rodrigues Ferreira Alves Pereira Lima Gomes Costa Ribeiro "
    "Martins Carvalho Almeida Lopes Soares Fernandes Vieira Barbosa Rocha Dias Nascimento "
    "Andrade Moreira Nunes Marques Machado Mendes Freitas Cardoso Ramos Gonçalves Santana "
    "Teixeira Araújo Moura Correia Cavalcanti Monteiro Moraes Farias Pinto Batista Campos "
    "Peixoto Guimarães Magalhães Assunção Conceição Brandão Leão Galvão Simões Antunes Bezerra "
    "Queirós Sá Assis Paixão Xavier",
)
TRADES: Final = (
    "Padaria", "Farmácia", "Clínica", "Autopeças", "Ótica", "Papelaria", "Pet Shop", "Imobiliária",
    "Confecções", "Mercado", "Academia", "Contabilidade", "Móveis", "Eletrônica", "Construções",
    "Transportes", "Colégio", "Laboratório", "Cosméticos", "Calçados",
)  # fmt: skip
QUEUES: Final = (
    ("Vendas", "#2563eb"), ("Suporte", "#16a34a"), ("Financeiro", "#ca8a04"),
    ("Entregas", "#dc2626"), ("Trocas e devoluções", "#7c3aed"), ("Recepção", "#0891b2"),
)  # fmt: skip
TAGS: Final = (
    ("Cliente novo", 0), ("Orçamento", 0), ("Reclamação", 0), ("Pós-venda", 0), ("Urgente", 0),
    ("Negociação", 1), ("Aguardando pagamento", 1), ("Concluído", 1),
)  # fmt: skip
GROUP_NAMES: Final = (
    "Condomínio {last}", "Turma da {first}", "Pedidos {city}", "Família {last}",
    "Entregadores {city}", "Obra {street}", "Revendedores {city}", "Promoções da semana {city}",
)  # fmt: skip
CITIES: Final = split_at(
    ",",
    "São Paulo, Goiânia, Belém, Maceió, Cuiabá, Brasília, Vitória, Florianópolis, Salvador, "
    "Fortaleza, Recife, Curitiba, Manaus, Natal, Teresina, São Luís, Macapá, Niterói, Ribeirão "
    "Preto, Uberlândia, Joinville, Londrina, Caxias do Sul, Maringá, Jundiaí, Araçatuba, "
    "Criciúma, Petrópolis, Ilhéus, Mossoró",
)
PRODUCTS: Final = split_at(
    ",",
    "a geladeira, o fogão, o colchão de casal, o tênis preto, a calça jeans, o vestido longo, a "
    "bolsa de couro, o óculos de grau, a lente de contato, o remédio para pressão, a ração de "
    "gato, o pneu aro 15, a bateria do carro, o kit de embreagem, o caderno universitário, a "
    "mochila infantil, o bolo de aniversário, a cesta de café da manhã, o sofá de três lugares, "
    "a mesa de jantar, o guarda-roupa, a furadeira, o saco de cimento, a tinta acrílica, o "
    "perfume, o creme hidratante, a escova progressiva, o celular, a capinha, o carregador, o "
    "fone sem fio, a impressora, o notebook, a televisão, o ventilador, o ar-condicionado, a "
    "máquina de lavar, o micro-ondas, a cafeteira, o liquidificador, a bicicleta, o capacete, a "
    "cadeira de escritório, o berço, o carrinho de bebê, a fralda, o exame de sangue, a "
    "consulta com a nutricionista, a matrícula, o boleto da mensalidade",
)
STREETS: Final = split_at(
    ",",
    "Rua das Flores, Avenida Brasil, Rua São João, Travessa da Paz, Rua Quinze de Novembro, "
    "Alameda Santos, Rua Sete de Setembro, Avenida Getúlio Vargas, Rua Marechal Deodoro, Praça "
    "da Sé, Rua Tiradentes, Avenida Paulista, Rua José Bonifácio, Rua Dom Pedro II, Rua da "
    "Conceição, Rua Pará",
)
GREETINGS: Final = (
    "Oi", "Olá", "Bom dia", "Boa tarde", "Boa noite", "Olá, bom dia!", "Oi, tudo bem?",
    "Opa, tudo bem por aí?", "Alguém pode me atender?", "Olá, boa tarde, meu nome é {first}",
)  # fmt: skip
REQUESTS: Final = (
    "Vocês têm {product}?",
    "Qual o preço de {product}?",
    "Gostaria de um orçamento para {product}, por favor",
    "Meu pedido {order} ainda não chegou",
    "O pedido {order} está atrasado, era para chegar dia {day}",
    "Quero fazer um pedido: {product} e {product}",
    "Vocês entregam em {city}?",
    "Qual o horário de funcionamento no sábado?",
    "Preciso trocar {product}, veio com defeito",
    "Veio errado: pedi {product} e mandaram {product}",
    "Comprei {product} dia {day} e até agora nada. Já é a terceira vez que eu reclamo!",
    "Cadê a nota fiscal do pedido {order}?",
    "Não consigo pagar o boleto, diz que está vencido",
    "Podem me mandar a segunda via do boleto de R$ {price}?",
    "Aceita PIX? Tem desconto à vista?",
    "O entregador não achou o endereço: é {street}, {house}, {city}",
    "Quero cancelar o pedido {order}",
    "Estou muito insatisfeita, ninguém resolve o meu problema",
    "Já paguei R$ {price} e não deram baixa, segue o comprovante",
    "É possível agendar para dia {day}?",
    "Tem previsão de chegar {product}?",
    "Meu endereço mudou, agora é {street}, {house}",
    "A garantia cobre {product}?",
    "Quanto fica o frete para {city}?",
)
DETAILS: Final = (
    "Isso", "Sim", "Não", "Ok", "Certo", "Entendi", "Pode ser", "Perfeito", "Um momento",
    "Vou verificar", "Meu nome é {first} {last}", "O número do pedido é {order}", "{order}",
    "Fica na {street}, {house}, perto do mercado", "Foi dia {day}", "São R$ {price}, certo?",
    "Quantos dias demora?", "Pode deixar na portaria com {first}", "Aguardo retorno", "Alô?",
    "Ainda estou esperando", "Já faz uma hora que espero, isso é um absurdo", "👍", "Kkkk", "?",
    "Prefiro retirar na loja", "Parcela em quantas vezes?", "Obrigada", "Obrigado, viu",
    "O cartão não passou, posso tentar de novo?", "É presente, tem como embrulhar?",
)  # fmt: skip
ANSWERS: Final = (
    "Olá, {first}! Sou {agent}, em que posso ajudar?",
    "Só um instante, vou verificar o pedido {order}",
    "O pedido {order} saiu para entrega hoje",
    "A previsão de entrega é dia {day}",
    "Temos sim, {product} sai por R$ {price} à vista",
    "Pode me confirmar o seu endereço, por favor?",
    "Peço desculpas pelo transtorno, já estou resolvendo",
    "A segunda via foi enviada para o seu e-mail",
    "A transportadora informou que houve um atraso em {city}",
    "Trocamos sem custo, é só trazer {product} com a nota fiscal",
    "Fica R$ {price} com o frete. Posso confirmar?",
    "Funcionamos de segunda a sexta das 8h às 18h, e sábado até o meio-dia",
    "Infelizmente {product} está em falta, chega dia {day}",
    "Parcelamos em até 10 vezes sem juros",
    "Recebemos o pagamento de R$ {price}, obrigada!",
    "Qual o melhor horário para a entrega?", "Certo, anotado", "Combinado!", "Por nada!",
    "Conseguiu pagar?", "Pode me mandar uma foto, por favor?", "Agendado para dia {day}",
)  # fmt: skip
NOTES: Final = (
    "Cliente pediu retorno dia {day}", "Negociar desconto: até R$ {price}", "Já reclamou antes",
    "Conferir o endereço: {street}, {house}", "Falar com {first} da expedição sobre {order}",
)  # fmt: skip
CLOSINGS: Final = (
    "Ficamos à disposição. Tenha um ótimo dia!",
    "Atendimento encerrado. Obrigado pela preferência!",
    "Agradecemos o contato. Até logo!",
)
RATING_QUESTION: Final = "De 0 a 10, que nota você dá para este atendimento?"
THANKS: Final = "Obrigado pela sua avaliação!"
CONSENT_QUESTION: Final = "Você concorda com o uso dos seus dados?\n\n1 - Sim\n2 - Não"
EMOJIS: Final = ("👍", "❤️", "🙏", "😂", "😮", "😢")
LONG_TEXT_SHARE: Final = 0.06
MOST_SENTENCES: Final = 8


def build_name(number: int) -> str:
    """Return the name of the person with this number, always the same."""
    first, last = number % len(FIRST_NAMES), number // len(FIRST_NAMES) % len(LAST_NAMES)
    return f"{FIRST_NAMES[first]} {LAST_NAMES[last]}"


class Texts:
    """Makes up texts."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice

    def fill(self, template: str) -> str:
        """Return a template with its places filled in."""
        if "{" not in template:
            return template
        pieces = template.split("{")
        filled = [pieces[0]]
        for piece in pieces[1:]:
            name, _, rest = piece.partition("}")
            filled.append(self._choose(name) + rest)
        return "".join(filled)

    def ask(self) -> str:
        """Return what a customer wants, now and then at length."""
        if not self._dice.happens(LONG_TEXT_SHARE):
            return self.fill(self._dice.choice(REQUESTS))
        number = self._dice.randint(2, MOST_SENTENCES)
        return ". ".join(self.fill(text) for text in self._dice.choices(REQUESTS, k=number))

    def greet(self) -> str:
        """Return a customer's greeting."""
        return self.fill(self._dice.choice(GREETINGS))

    def go_on(self) -> str:
        """Return a later text of a customer: mostly a short one."""
        if self._dice.happens(1 / 3):
            return self.ask()
        return self.fill(self._dice.choice(DETAILS))

    def answer(self) -> str:
        """Return a text of the company."""
        return self.fill(self._dice.choice(ANSWERS))

    def _choose(self, name: str) -> str:
        return PLACES[name](self._dice)


PLACES: Final[Mapping[str, Callable[[Dice], str]]] = {
    "product": lambda dice: dice.choice(PRODUCTS),
    "order": lambda dice: str(dice.randrange(10_000, 999_999)),
    "price": lambda dice: f"{int(dice.wait(120, 1))},{dice.choice(('00', '50', '90', '99'))}",
    "day": lambda dice: f"{dice.randint(1, 28)}/{dice.randint(1, 12)}",
    "city": lambda dice: dice.choice(CITIES),
    "street": lambda dice: dice.choice(STREETS),
    "house": lambda dice: str(dice.randrange(1, 3_000)),
    "first": lambda dice: dice.choice(FIRST_NAMES),
    "last": lambda dice: dice.choice(LAST_NAMES),
    "agent": lambda dice: dice.choice(FIRST_NAMES),
}
